#include "vpnd/control/tunnel_device.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "vpnd/config/worker_count.hpp"
#include "vpnd/control/data_path.hpp"
#include "vpnd/control/tun_driver.hpp"
#include "vpnd/host/bypass_addresses.hpp"
#include "vpnd/host/process.hpp"

namespace vpnd::control {

namespace {

constexpr std::chrono::seconds kScriptTimeout{60};

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

void set(host::ScriptEnvironment& environment, const std::string& name,
         const std::optional<tunio::IpAddress>& address) {
  if (address) environment.set(name, address->format());
}

// route_network_1, route_ipv6_network_1, … as scripts for stock expect them.
void set_routes_in(host::ScriptEnvironment& environment, const config::RoutingOptions& routing) {
  int n = 0;
  for (const config::Route& route : routing.routes) {
    ++n;
    environment.set(fmt::format("route_network_{}", n), route.network.address.format());
    environment.set(fmt::format("route_netmask_{}", n), tunio::netmask_v4(route.bits).format());
    if (route.gateway) environment.set(fmt::format("route_gateway_{}", n), route.gateway->address.format());
    if (route.metric) environment.set(fmt::format("route_metric_{}", n), std::to_string(*route.metric));
  }
  n = 0;
  for (const config::Route& route : routing.routes_ipv6) {
    environment.set(fmt::format("route_ipv6_network_{}", ++n),
                    tunio::Prefix{route.network.address, route.bits}.format());
  }
}

}  // namespace

TunnelPlan configured_plan(const config::Options& options) {
  TunnelPlan plan;
  plan.addresses = options.tunnel.addresses;
  plan.routing = options.tunnel.routing;
  plan.foreign_options = options.tunnel.foreign_options;
  plan.mtu = options.link.tun_mtu;
  return plan;
}

TunnelDevice::TunnelDevice(const config::Options& options)
    : options_(options),
      tun_(open_device(options)),
      queue_count_(tun_ ? tun_->queues().size() : wanted_queues(options)) {}

TunnelDevice::~TunnelDevice() {
  try {
    bring_down();
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
  }
}

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

void TunnelDevice::bring_up(const TunnelPlan& plan) {
  plan_ = plan;
  if (!tun_) return;  // nothing to give addresses and routes to
  require(addresses_.configure_link(name(), {.mtu = plan.mtu, .transmit_queue_length = {}, .up = true}));
  if (options_.tunnel.configure_addresses) set_addresses(plan);
  run_script(options_.scripts.up, "up", true);
  if (options_.tunnel.configure_routes) set_routes(plan);
  run_script(options_.scripts.route_up, "route-up", false);
}

void TunnelDevice::bring_down() {
  if (!plan_) return;
  if (!tun_) return plan_.reset();
  run_script(options_.scripts.route_pre_down, "route-pre-down", false);
  for (const std::string& failure : routes_.restore()) spdlog::warn("{}", failure);
  for (const std::string& failure : addresses_.restore()) spdlog::warn("{}", failure);
  run_script(options_.scripts.down, "down", false);
  plan_.reset();
  script_context_ = ScriptContext::restart;
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

void TunnelDevice::set_routes(const TunnelPlan& plan) {
  const config::RedirectGateway& redirect = plan.routing.redirect_gateway;
  if (redirect.enabled || redirect.prepare) redirect_gateway(plan);
  for (const config::Route& route : plan.routing.routes) set_route(route, plan);
  for (const config::Route& route : plan.routing.routes_ipv6) set_route(route, plan);
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

std::optional<tunio::IpAddress> TunnelDevice::vpn_gateway(const TunnelPlan& plan) const {
  if (plan.routing.route_gateway) return plan.routing.route_gateway;
  if (plan.addresses.topology.value_or(config::Topology::net30) != config::Topology::subnet) {
    return plan.addresses.netmask_or_peer;
  }
  return std::nullopt;
}

std::optional<tunio::IpAddress> TunnelDevice::resolve(const config::RouteTarget& target,
                                                      const TunnelPlan& plan) const {
  switch (target.keyword) {
    case config::RouteKeyword::none:
      return target.address;
    case config::RouteKeyword::vpn_gateway:
      return vpn_gateway(plan);
    case config::RouteKeyword::remote_host:
      return plan.server;
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

void TunnelDevice::keep_server_reachable(const tunio::IpAddress& server) {
  if (!plan_ || !tun_ || plan_->server == server) return;
  const auto path = routes_.default_path(server.family());
  if (!plan_->routing.redirect_gateway.enabled || !path || path->device == name()) return;
  host::Route route;
  route.destination = {server, server.bits()};
  route.gateway = path->gateway;
  route.device = path->device;
  const auto added = routes_.add_route(route);
  if (!added.ok()) spdlog::warn("{}", added.reason);
}

void TunnelDevice::run_script(const std::optional<config::Command>& command, const std::string& type,
                              bool must_succeed) {
  if (!command) return;
  auto arguments = command->words;
  const config::AddressOptions& addresses = plan_->addresses;
  const auto text = [](const auto& address) { return address ? address->format() : std::string(); };
  if (type == "up" || type == "down") {
    arguments.insert(arguments.end(), {name(), std::to_string(plan_->mtu), "0", text(addresses.local),
                                       text(addresses.netmask_or_peer),
                                       script_context_ == ScriptContext::init ? "init" : "restart"});
  }
  auto variables = environment();
  variables.set("script_type", type);
  const auto run = host::run_script(arguments, variables, kScriptTimeout);
  if (run.result.ok() && run.status.success()) return;
  const std::string failure = fmt::format("{} script {}: {}", type, arguments.front(),
                                          run.result.ok() ? host::text(run.status) : run.result.reason);
  if (must_succeed) throw std::runtime_error(failure);
  spdlog::warn("{}", failure);
}

host::ScriptEnvironment TunnelDevice::environment() const {
  host::ScriptEnvironment environment;
  for (const auto& [key, value] : options_.scripts.environment) environment.set(key, value);
  for (const auto& [key, value] : plan_->environment) environment.set(key, value);
  const config::AddressOptions& addresses = plan_->addresses;
  environment.set("dev", name());
  environment.set("dev_type", "tun");
  environment.set("tun_mtu", std::to_string(plan_->mtu));
  environment.set("script_context", script_context_ == ScriptContext::init ? "init" : "restart");
  set(environment, "ifconfig_local", addresses.local);
  const bool subnet = addresses.topology.value_or(config::Topology::net30) == config::Topology::subnet;
  set(environment, subnet ? "ifconfig_netmask" : "ifconfig_remote", addresses.netmask_or_peer);
  if (addresses.local_ipv6) {
    environment.set("ifconfig_ipv6_local", addresses.local_ipv6->address.format());
    environment.set("ifconfig_ipv6_netbits", std::to_string(addresses.local_ipv6->length));
  }
  set(environment, "ifconfig_ipv6_remote", addresses.peer_ipv6);
  set(environment, "route_vpn_gateway", vpn_gateway(*plan_));
  if (const auto path = routes_.default_path(tunio::IpFamily::v4))
    set(environment, "route_net_gateway", path->gateway);
  set_routes_in(environment, plan_->routing);
  if (plan_->server) {
    environment.set(plan_->server->is_v4() ? "trusted_ip" : "trusted_ip6", plan_->server->format());
    environment.set("trusted_port", std::to_string(plan_->server_port));
  }
  int n = 0;
  for (const std::string& option : plan_->foreign_options) {
    environment.set(fmt::format("foreign_option_{}", ++n), option);
  }
  return environment;
}

}  // namespace vpnd::control
