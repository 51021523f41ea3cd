// The tun device, its addresses, and the routes that lead into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/config/diagnostic.hpp"

namespace vpnd::config {

enum class Topology : std::uint8_t { subnet, net30, p2p };

enum class RouteKeyword : std::uint8_t { none, vpn_gateway, net_gateway, remote_host, host_name };

// An address, or a word that stands for one and is known only when the tunnel is set up.
struct RouteTarget {
  RouteKeyword keyword = RouteKeyword::none;
  tunio::IpAddress address;  // when keyword is none
  std::string host;          // when it is host_name

  bool operator==(const RouteTarget&) const = default;
};

struct Route {
  RouteTarget network;
  std::uint8_t bits = 32;
  std::optional<RouteTarget> gateway;   // absent: the tunnel
  std::optional<std::uint32_t> metric;  // absent: route-metric, or the kernel's default
  Location where;

  bool operator==(const Route&) const = default;
};

struct RedirectGateway {
  bool enabled = false;  // redirect-gateway: the default route goes through the tunnel
  bool prepare =
      false;  // redirect-private or redirect-gateway: the host route to the server, the bypass routes
  bool local = false;  // the server is in our own subnet: no host route to it
  bool auto_local = false;
  bool def1 = false;  // two /1 routes in place of the default route
  bool bypass_dhcp = false;
  bool bypass_dns = false;
  bool block_local = false;
  bool ipv4 = true;
  bool ipv6 = false;

  bool operator==(const RedirectGateway&) const = default;
};

// What both the configuration and the server may set.
struct AddressOptions {
  std::optional<tunio::IpAddress> local;  // ifconfig, first address
  std::optional<tunio::IpAddress>
      netmask_or_peer;                      // second: a netmask in topology subnet, else the peer's address
  std::optional<tunio::Prefix> local_ipv6;  // ifconfig-ipv6
  std::optional<tunio::IpAddress> peer_ipv6;
  std::optional<Topology> topology;  // absent: subnet for a server; net30 for a client if nothing is pushed

  bool operator==(const AddressOptions&) const = default;
};

struct RoutingOptions {
  std::vector<Route> routes;  // IPv4
  std::vector<Route> routes_ipv6;
  std::optional<tunio::IpAddress> route_gateway;
  bool route_gateway_from_dhcp = false;
  std::optional<tunio::IpAddress> route_gateway_ipv6;
  std::optional<std::uint32_t> route_metric;
  std::optional<std::uint32_t> table;  // route-table; absent: the main one
  RedirectGateway redirect_gateway;
  bool block_ipv6 = false;

  bool operator==(const RoutingOptions&) const = default;
};

// Which tun driver. `automatic`: tun-batch where its module is loaded, else tun.
enum class TunDriver : std::uint8_t { automatic, tun, tun_batch };

struct TunnelOptions {
  std::string device = "tun";  // "tun": the kernel picks a number; else the name
  bool is_null = false;        // dev null: no device at all
  std::string clone_device = "/dev/net/tun";
  TunDriver driver = TunDriver::automatic;
  std::optional<unsigned> transmit_queue;  // packets; absent: the kernel's default
  bool keep_across_restart = false;        // persist-tun
  bool configure_addresses = true;         // false: ifconfig-noexec
  bool configure_routes = true;            // false: route-noexec
  AddressOptions addresses;
  RoutingOptions routing;
  // DNS settings in OpenVPN's text, such as "dhcp-option DNS 10.8.0.1": handed to the up script as
  // foreign_option_N.
  std::vector<std::string> foreign_options;
};

}  // namespace vpnd::config
