// Changes the host's links, addresses and routes for one tunnel, and takes back exactly what it changed.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/host/change_result.hpp"
#include "vpnd/host/route.hpp"

namespace vpnd::host {

struct LinkSettings {
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> transmit_queue_length;
  std::optional<bool> up;
};

// `redirect-gateway` and `redirect-private` with their flags. OpenVPN's own rules for Linux, with these
// differences: bypass-dhcp and bypass-dns, which stock only does on Windows, keep the addresses of `bypass`
// outside the tunnel.
struct RedirectGateway {
  bool ipv4 = true;            // false: `!ipv4`
  bool ipv6 = false;           // `ipv6`: ::/3, 2000::/4, 3000::/4 and fc00::/7 go into the tunnel
  bool change_default = true;  // false: `redirect-private`, everything but the default route
  bool def1 = false;           // 0.0.0.0/1 and 128.0.0.0/1 over the default route instead of in its place
  bool local = false;          // the server is on our own network: it needs no host route
  bool autolocal = false;      // find out whether it is
  bool block_local = false;    // the networks of the default route's interface go into the tunnel too

  std::string device;                            // the tunnel
  std::optional<tunio::IpAddress> gateway_ipv4;  // vpn_gateway; none: through the device
  std::optional<tunio::IpAddress> gateway_ipv6;
  std::optional<tunio::IpAddress> server;  // the address the transport talks to
  std::vector<tunio::IpAddress> bypass;    // DNS and DHCP servers; see bypass_addresses.hpp
  std::uint32_t metric = 0;
  std::uint32_t table = kMainTable;
};

// One netlink socket and a list of what was changed. Used by one thread. Each change either happens and is
// recorded, or returns a reason and is not. Something that was there before (EEXIST) counts as success, and
// is left there at the end. To take things back in two steps (routes at a soft restart, the device at the
// end) use two configurators.
class NetworkConfigurator {
 public:
  // Throws std::system_error when the host gives no netlink socket.
  NetworkConfigurator();
  // Restores; failures stay unreported. Call restore() to hear of them.
  ~NetworkConfigurator();
  NetworkConfigurator(const NetworkConfigurator&) = delete;
  NetworkConfigurator& operator=(const NetworkConfigurator&) = delete;

  ChangeResult configure_link(const std::string& device, const LinkSettings& settings);

  // The kernel adds the route of the prefix itself.
  ChangeResult add_address(const std::string& device, const tunio::IpAddress& address,
                           std::uint8_t prefix_length);
  // Point to point: `local` here, `peer` at the other end, both single addresses.
  ChangeResult add_peer_address(const std::string& device, const tunio::IpAddress& local,
                                const tunio::IpAddress& peer);

  ChangeResult add_route(const Route& route);
  // Takes back one route that this object added. A route it did not add is left alone, which is no error.
  ChangeResult remove_route(const Route& route);

  // A host route that keeps `address` on its present path, whatever is routed into the tunnel later.
  ChangeResult keep_path(const tunio::IpAddress& address, std::uint32_t table = kMainTable);

  // All or nothing: when one of its routes fails, those before it are taken back. Repeating it changes
  // nothing.
  ChangeResult redirect_gateway(const RedirectGateway& request);

  // Undoes everything, last change first, and forgets it. Things that vanished with their device are no
  // failure. Returns the reasons of what could not be undone, normally none.
  std::vector<std::string> restore();

  // How the kernel would send to `destination` now. None: unreachable.
  std::optional<Path> path_to(const tunio::IpAddress& destination) const;
  // The default route of lowest metric in the main table: `net_gateway`. None: there is none.
  std::optional<Path> default_path(tunio::IpFamily family) const;
  // The addresses of a device with their prefix lengths; empty when there is no such device.
  std::vector<tunio::Prefix> addresses(const std::string& device) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vpnd::host
