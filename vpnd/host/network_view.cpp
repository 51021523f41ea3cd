#include "vpnd/host/network_view.hpp"

#include <net/if.h>

#include <array>
#include <utility>

namespace vpnd::host {

int device_index_of(const std::string& device) {
  return static_cast<int>(::if_nametoindex(device.c_str()));
}

Path path_of(const KernelRoute& route) {
  std::array<char, IF_NAMESIZE> name{};
  const bool known = ::if_indextoname(static_cast<unsigned>(route.device_index), name.data()) != nullptr;
  return {route.gateway, known ? name.data() : "", route.source};
}

bool is_default_route(const KernelRoute& route) {
  return route.destination.length == 0 && route.type == RTN_UNICAST && !route.cached;
}

std::vector<KernelRoute> NetworkView::routes(tunio::IpFamily family) const {
  std::vector<KernelRoute> all;
  (void)socket_->request(route_dump_message(family), [&](const nlmsghdr& message) {
    if (auto route = parse_route(message)) all.push_back(std::move(*route));
  });
  return all;
}

std::vector<tunio::Prefix> NetworkView::addresses(int device_index) const {
  std::vector<tunio::Prefix> all;
  (void)socket_->request(address_dump_message(), [&](const nlmsghdr& message) {
    const auto address = parse_address(message);
    if (address && address->device_index == device_index) all.push_back(address->address);
  });
  return all;
}

std::optional<KernelLink> NetworkView::link(int device_index) const {
  std::optional<KernelLink> found;
  (void)socket_->request(link_query_message(device_index),
                         [&](const nlmsghdr& message) { found = parse_link(message); });
  return found;
}

std::optional<KernelRoute> NetworkView::look_up(const tunio::IpAddress& destination) const {
  std::optional<KernelRoute> found;
  const NetlinkVerdict verdict = socket_->request(
      route_lookup_message(destination), [&](const nlmsghdr& message) { found = parse_route(message); });
  if (verdict.error || !found) return std::nullopt;
  const bool reachable = found->type == RTN_UNICAST || found->type == RTN_LOCAL;
  return reachable ? found : std::nullopt;
}

std::optional<KernelRoute> NetworkView::default_route(tunio::IpFamily family, int except_device) const {
  std::optional<KernelRoute> best;
  for (KernelRoute& route : routes(family)) {
    if (!is_default_route(route) || route.table != kMainTable) continue;
    if (except_device != 0 && route.device_index == except_device) continue;
    if (!best || route.metric < best->metric) best = std::move(route);
  }
  return best;
}

}  // namespace vpnd::host
