#include "vpnd/control/tunnel_device.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>
#include <thread>

#include "vpnd/config/worker_count.hpp"
#include "vpnd/control/data_path.hpp"
#include "vpnd/control/tun_driver.hpp"
#include "vpnd/host/bypass_addresses.hpp"

namespace vpnd::control {

namespace {

// A queue for each worker; with several UDP listeners each of them has its workers.
unsigned wanted_queues(const config::Options& options) {
  return config::worker_groups(options) * config::worker_count(options, std::thread::hardware_concurrency());
}

std::optional<tunio::TunDevice> open_device(const config::Options& options) {
  if (options.tunnel.is_null) return std::nullopt;
  tunio::TunOptions tun;
  tun.driver = tun_driver(options.tunnel);
  tun.node = options.tunnel.clone_device;
  tun.name = options.tunnel.device;
  tun.queue_length = options.tunnel.transmit_queue.value_or(0);
  tun.queues = wanted_queues(options);
  tun.segmentation = options.batch.offloads.tun_tso;
  tun.udp_segmentation = tun.segmentation && options.batch.offloads.tun_uso;
  try {
    return tunio::TunDevice::open(tun);
  } catch (const std::system_error& error) {
    const bool one_will_do = !options.batch.workers && config::worker_groups(options) == 1;
    if (!one_will_do || tun.queues == 1 || error.code() != std::errc::invalid_argument) throw;
    spdlog::info("{}; one worker then", error.what());
  }
  tun.queues = 1;
  return tunio::TunDevice::open(tun);
}

void require(const host::ChangeResult& result) {
  if (!result.ok()) throw std::runtime_error(result.reason);
}

}  // namespace

TunnelDevice::TunnelDevice(const config::Options& options)
    : options_(options),
      tun_(open_device(options)),
      queue_count_(tun_ ? tun_->queues().size() : wanted_queues(options)) {}

const std::string& TunnelDevice::name() const noexcept {
  static const std::string kNull = "null";
  return tun_ ? tun_->name() : kNull;
}

std::vector<tunio::UniqueFd> TunnelDevice::take_queues() {
  if (tun_) return std::move(tun_->queues());
  std::vector<tunio::UniqueFd> none(queue_count_);
  return none;
}

std::string TunnelDevice::describe_data_path(const std::string& event_loops) const {
  const auto offered = [](bool had) { return tunio::Capability{had, had ? "" : "the kernel has none"}; };
  const tunio::IoCapabilities udp = tunio::probe_udp();
  return control::describe_data_path(options_.batch,
                                     {.event_loop = event_loops,
                                      .tun_driver = tun_ ? tun_->driver_description() : std::string("none"),
                                      .tun_segmentation = offered(tun_ && tun_->segmentation()),
                                      .tun_udp_segmentation = offered(udp_segmentation()),
                                      .udp_segment = udp.udp_segment,
                                      .udp_gro = udp.udp_gro});
}

void TunnelDevice::set_link(const TunnelPlan& plan) {
  if (!tun_) return;  // nothing to give addresses and routes to
  require(addresses_.configure_link(name(), {.mtu = plan.mtu, .transmit_queue_length = {}, .up = true}));
  if (options_.tunnel.configure_addresses) set_addresses(plan);
}

void TunnelDevice::set_routes(const TunnelPlan& plan) {
  if (!tun_ || !options_.tunnel.configure_routes) return;
  const config::RedirectGateway& redirect = plan.routing.redirect_gateway;
  if (redirect.enabled || redirect.prepare) redirect_gateway(plan);
  for (const config::Route& route : plan.routing.routes) set_route(route, plan);
  for (const config::Route& route : plan.routing.routes_ipv6) set_route(route, plan);
}

void TunnelDevice::take_routes_back() {
  for (const std::string& failure : routes_.restore()) spdlog::warn("{}", failure);
}

void TunnelDevice::take_addresses_back() {
  for (const std::string& failure : addresses_.restore()) spdlog::warn("{}", failure);
}

void TunnelDevice::set_addresses(const TunnelPlan& plan) {
  const config::AddressOptions& addresses = plan.addresses;
  if (addresses.local && addresses.netmask_or_peer) {
    const bool subnet = addresses.topology.value_or(config::Topology::net30) == config::Topology::subnet;
    if (subnet) {
      const auto length = tunio::prefix_length(*addresses.netmask_or_peer);
      if (!length)
        throw std::runtime_error("ifconfig: " + addresses.netmask_or_peer->format() + " is not a netmask");
      require(addresses_.add_address(name(), *addresses.local, *length));
    } else {
      require(addresses_.add_peer_address(name(), *addresses.local, *addresses.netmask_or_peer));
    }
  }
  if (addresses.local_ipv6) {
    require(addresses_.add_address(name(), addresses.local_ipv6->address, addresses.local_ipv6->length));
  }
}

void TunnelDevice::set_route(const config::Route& route, const TunnelPlan& plan) {
  const auto network = resolve(route.network, plan);
  if (!network) return spdlog::warn("route: the network's address is not known, route left out");
  host::Route wanted;
  wanted.destination = tunio::Prefix{*network, route.bits}.network();
  wanted.metric = route.metric ? route.metric : plan.routing.route_metric;
  wanted.table = plan.routing.table.value_or(host::kMainTable);
  const bool into_tunnel = !route.gateway || route.gateway->keyword == config::RouteKeyword::vpn_gateway;
  if (into_tunnel) {
    wanted.device = name();
    if (network->is_v6()) wanted.gateway = plan.routing.route_gateway_ipv6;
  } else {
    wanted.gateway = resolve(*route.gateway, plan);
    if (!wanted.gateway)
      return spdlog::warn("route {}: its gateway is not known, route left out", wanted.destination.format());
  }
  const auto added = routes_.add_route(wanted);
  if (!added.ok()) spdlog::warn("{}", added.reason);
}

std::optional<tunio::IpAddress> TunnelDevice::resolve(const config::RouteTarget& target,
                                                      const TunnelPlan& plan) const {
  switch (target.keyword) {
    case config::RouteKeyword::none:
      return target.address;
    case config::RouteKeyword::vpn_gateway:
      return plan.gateway();
    case config::RouteKeyword::remote_host:
      return plan.server;
    case config::RouteKeyword::host_name:
      return std::nullopt;  // RouteNames has put addresses in their place
    case config::RouteKeyword::net_gateway: {
      const auto path = routes_.default_path(tunio::IpFamily::v4);
      return path ? path->gateway : std::nullopt;
    }
  }
  return std::nullopt;
}

void TunnelDevice::redirect_gateway(const TunnelPlan& plan) {
  const config::RedirectGateway& wanted = plan.routing.redirect_gateway;
  host::RedirectGateway request;
  request.ipv4 = wanted.ipv4;
  request.ipv6 = wanted.ipv6;
  request.change_default = wanted.enabled;
  request.def1 = wanted.def1;
  request.local = wanted.local;
  request.autolocal = wanted.auto_local;
  request.block_local = wanted.block_local;
  request.device = name();
  request.server = plan.server;
  request.table = plan.routing.table.value_or(host::kMainTable);
  request.metric = plan.routing.route_metric.value_or(0);
  if (wanted.bypass_dns) request.bypass = host::host_name_servers();
  if (wanted.bypass_dhcp) {
    const auto servers = host::host_dhcp_servers();
    request.bypass.insert(request.bypass.end(), servers.begin(), servers.end());
  }
  const auto result = routes_.redirect_gateway(request);
  if (!result.ok()) spdlog::error("redirect-gateway: {}", result.reason);
}

void TunnelDevice::keep_server_reachable(const TunnelPlan& plan, const tunio::IpAddress& server) {
  if (!tun_ || plan.server == server) return;
  lay_way_around(plan, server);
}

std::optional<host::Path> TunnelDevice::way_to(const TunnelPlan& plan, const tunio::IpAddress& server) {
  auto path = routes_.path_to(server);
  if (!tun_ || !path || path->device != name()) return path;
  return lay_way_around(plan, server) ? routes_.path_to(server) : std::nullopt;
}

bool TunnelDevice::lay_way_around(const TunnelPlan& plan, const tunio::IpAddress& server) {
  const auto path = routes_.default_path(server.family());
  if (!plan.routing.redirect_gateway.enabled || !path || path->device == name()) return false;
  host::Route route;
  route.destination = {server, server.bits()};
  route.gateway = path->gateway;
  route.device = path->device;
  const auto added = routes_.add_route(route);
  if (!added.ok()) spdlog::warn("{}", added.reason);
  return added.ok();
}

}  // namespace vpnd::control
