#include "vpnd/host/redirect_plan.hpp"

#include <algorithm>
#include <string_view>

namespace vpnd::host {
namespace {

using tunio::IpAddress;
using tunio::IpFamily;
using tunio::Prefix;

// More specific than a default route, together as wide as one.
constexpr std::string_view kHalvesIpv4[] = {"0.0.0.0/1", "128.0.0.0/1"};
constexpr std::string_view kGlobalIpv6[] = {"::/3", "2000::/4", "3000::/4", "fc00::/7"};

bool redirects(const RedirectGateway& request, IpFamily family) {
  return family == IpFamily::v4 ? request.ipv4 : request.ipv6;
}

Route into_tunnel(const RedirectGateway& request, const Prefix& destination) {
  const auto& gateway = destination.family() == IpFamily::v4 ? request.gateway_ipv4 : request.gateway_ipv6;
  return {destination, gateway, request.device, request.metric, request.table};
}

bool server_needs_host_route(const RedirectGateway& request, const RedirectFacts& facts) {
  if (!request.server || !redirects(request, request.server->family())) return false;
  if (request.local) return false;
  const bool on_link = facts.to_server && !facts.to_server->gateway;
  return !(request.autolocal && on_link);
}

// The two halves of a network are preferred to the network itself, which stays as it is.
void block_network(const RedirectGateway& request, const Prefix& local, std::vector<Route>& routes) {
  if (local.length >= local.address.bits() || local.address.is_link_local()) return;
  const auto half = static_cast<std::uint8_t>(local.length + 1);
  const IpAddress lower = local.network().address;
  // The upper half is what the last address of the network, cut to the half's length, begins.
  IpAddress upper = lower;
  if (lower.is_v4()) {
    upper = IpAddress::v4(lower.v4_value() | std::uint32_t{1} << (32 - half));
  } else {
    std::array<std::byte, 16> bytes{};
    std::copy(lower.bytes().begin(), lower.bytes().end(), bytes.begin());
    bytes[local.length / 8] |= std::byte{0x80} >> (local.length % 8);
    upper = IpAddress::v6(bytes);
  }
  for (const IpAddress& network : {lower, upper}) {
    const Route route = into_tunnel(request, {network, half});
    if (std::find(routes.begin(), routes.end(), route) == routes.end()) routes.push_back(route);
  }
}

void block_local(const RedirectGateway& request, const std::optional<Path>& default_path,
                 const std::vector<Prefix>& networks, RedirectPlan& plan) {
  if (!default_path) return;
  if (default_path->gateway && !default_path->gateway->is_link_local())
    plan.keep.push_back(*default_path->gateway);
  for (const Prefix& network : networks) block_network(request, network, plan.routes);
}

template <std::size_t N>
void add_all(const RedirectGateway& request, const std::string_view (&destinations)[N], RedirectPlan& plan) {
  for (const std::string_view text : destinations)
    plan.routes.push_back(into_tunnel(request, *Prefix::parse(text)));
}

}  // namespace

RedirectPlan plan_redirect(const RedirectGateway& request, const RedirectFacts& facts) {
  RedirectPlan plan;
  if (server_needs_host_route(request, facts)) plan.keep_server = request.server;
  for (const IpAddress& address : request.bypass) {
    if (redirects(request, address.family())) plan.keep.push_back(address);
  }
  if (request.block_local && request.ipv4) block_local(request, facts.default_ipv4, facts.local_ipv4, plan);
  if (request.block_local && request.ipv6) block_local(request, facts.default_ipv6, facts.local_ipv6, plan);
  if (!request.change_default) return plan;

  if (request.ipv4 && request.def1) add_all(request, kHalvesIpv4, plan);
  if (request.ipv4 && !request.def1) plan.replaced_default = into_tunnel(request, Prefix{});
  if (request.ipv6) add_all(request, kGlobalIpv6, plan);  // with or without def1, as in stock
  return plan;
}

}  // namespace vpnd::host
