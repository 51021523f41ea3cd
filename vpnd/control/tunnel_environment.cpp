#include "vpnd/control/tunnel_environment.hpp"

#include <fmt/format.h>

namespace vpnd::control {

namespace {

using host::ScriptEnvironment;

void set_address(ScriptEnvironment& environment, const std::string& name,
                 const std::optional<tunio::IpAddress>& address) {
  if (address) environment.set(name, address->format());
}

void add_addresses(ScriptEnvironment& environment, const config::AddressOptions& addresses) {
  set_address(environment, "ifconfig_local", addresses.local);
  const bool subnet = addresses.topology.value_or(config::Topology::net30) == config::Topology::subnet;
  set_address(environment, subnet ? "ifconfig_netmask" : "ifconfig_remote", addresses.netmask_or_peer);
  if (addresses.local_ipv6) {
    environment.set("ifconfig_ipv6_local", addresses.local_ipv6->address.format());
    environment.set("ifconfig_ipv6_netbits", std::to_string(addresses.local_ipv6->length));
  }
  set_address(environment, "ifconfig_ipv6_remote", addresses.peer_ipv6);
}

// The gateway that a route was given, or the tunnel's. One that is a keyword and not known is left out.
std::optional<tunio::IpAddress> gateway_of(const config::Route& route, const TunnelPlan& plan,
                                           const std::optional<tunio::IpAddress>& net_gateway,
                                           const std::optional<tunio::IpAddress>& of_tunnel) {
  if (!route.gateway) return of_tunnel;
  switch (route.gateway->keyword) {
    case config::RouteKeyword::none:
      return route.gateway->address;
    case config::RouteKeyword::vpn_gateway:
      return of_tunnel;
    case config::RouteKeyword::net_gateway:
      return net_gateway;
    case config::RouteKeyword::remote_host:
      return plan.server;
    case config::RouteKeyword::host_name:
      break;  // RouteNames has put addresses in their place
  }
  return std::nullopt;
}

void add_redirection(ScriptEnvironment& environment, const config::RedirectGateway& redirect) {
  environment.set("redirect_gateway", redirect.enabled ? "1" : "0");
  if (!redirect.enabled) return;
  const std::string how = redirect.block_local ? "2" : "1";
  if (redirect.ipv4) environment.set("route_redirect_gateway_ipv4", how);
  if (redirect.ipv6) environment.set("route_redirect_gateway_ipv6", how);
}

void add_routes(ScriptEnvironment& environment, const TunnelPlan& plan,
                const std::optional<tunio::IpAddress>& net_gateway) {
  const config::RedirectGateway& redirect = plan.routing.redirect_gateway;
  if (!plan.routing.routes.empty() || redirect.enabled || redirect.prepare) {
    set_address(environment, "route_vpn_gateway", plan.gateway());
    // As in OpenVPN, where there is a way out but no router on it.
    environment.set("route_net_gateway", net_gateway ? net_gateway->format() : "0.0.0.0");
  }
  int n = 0;
  for (const config::Route& route : plan.routing.routes) {
    ++n;
    environment.set(fmt::format("route_network_{}", n), route.network.address.format());
    environment.set(fmt::format("route_netmask_{}", n), tunio::netmask_v4(route.bits).format());
    set_address(environment, fmt::format("route_gateway_{}", n),
                gateway_of(route, plan, net_gateway, plan.gateway()));
    if (route.metric) environment.set(fmt::format("route_metric_{}", n), std::to_string(*route.metric));
  }
  n = 0;
  const auto gateway_ipv6 =
      plan.routing.route_gateway_ipv6 ? plan.routing.route_gateway_ipv6 : plan.addresses.peer_ipv6;
  for (const config::Route& route : plan.routing.routes_ipv6) {
    ++n;
    environment.set(fmt::format("route_ipv6_network_{}", n),
                    tunio::Prefix{route.network.address, route.bits}.format());
    set_address(environment, fmt::format("route_ipv6_gateway_{}", n),
                gateway_of(route, plan, net_gateway, gateway_ipv6));
  }
}

}  // namespace

void add_tunnel(ScriptEnvironment& environment, const TunnelPlan& plan, const std::string& device,
                const std::optional<tunio::IpAddress>& net_gateway) {
  for (const auto& [name, value] : plan.environment) environment.set(name, value);
  environment.set("dev", device);
  environment.set("dev_type", "tun");
  environment.set("tun_mtu", std::to_string(plan.mtu));
  environment.set("script_context", "init");
  add_addresses(environment, plan.addresses);
  add_redirection(environment, plan.routing.redirect_gateway);
  add_routes(environment, plan, net_gateway);
  int n = 0;
  for (const std::string& option : plan.foreign_options)
    environment.set(fmt::format("foreign_option_{}", ++n), option);
}

TunnelPlan configured_plan(const config::Options& options) {
  TunnelPlan plan;
  plan.addresses = options.tunnel.addresses;
  plan.routing = options.tunnel.routing;
  plan.foreign_options = options.tunnel.foreign_options;
  plan.mtu = options.link.tun_mtu;
  return plan;
}

std::optional<tunio::IpAddress> TunnelPlan::gateway() const {
  if (routing.route_gateway) return routing.route_gateway;
  if (addresses.topology.value_or(config::Topology::net30) != config::Topology::subnet)
    return addresses.netmask_or_peer;
  return std::nullopt;
}

}  // namespace vpnd::control
