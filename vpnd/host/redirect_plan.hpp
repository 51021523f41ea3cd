// What `redirect-gateway` comes to on this host: which hosts stay outside, which routes lead into the tunnel.
// Decides from facts, touches nothing.

#pragma once

#include <optional>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/host/network_configurator.hpp"
#include "vpnd/host/route.hpp"

namespace vpnd::host {

// How the host was connected before the tunnel.
struct RedirectFacts {
  std::optional<Path> default_ipv4;
  std::optional<Path> default_ipv6;
  std::optional<Path> to_server;
  // The addresses of the interfaces that the two default routes use.
  std::vector<tunio::Prefix> local_ipv4;
  std::vector<tunio::Prefix> local_ipv6;
};

// In the order in which it has to be done.
struct RedirectPlan {
  std::optional<tunio::IpAddress> keep_server;  // must stay on its path, or the tunnel would swallow itself
  std::vector<tunio::IpAddress> keep;           // ought to stay on their paths
  std::vector<Route> routes;
  std::optional<Route> replaced_default;  // takes the place of the default routes of its metric
};

RedirectPlan plan_redirect(const RedirectGateway& request, const RedirectFacts& facts);

}  // namespace vpnd::host
