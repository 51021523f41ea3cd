// Host names in routes: `route NAME …`.

#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/config/tunnel_options.hpp"

namespace vpnd::control {

/// IPv4 addresses by host name; none: it was not found.
using HostAddresses = std::map<std::string, std::vector<tunio::IpAddress>>;

/// The names that these routes have, as network or gateway.
std::set<std::string> host_names(const std::vector<config::Route>& routes);

/// The same routes with addresses in the place of names: one route for each address that the network's name
/// has, by the first that the gateway's has. What is not known is left out, and warned of.
std::vector<config::Route> with_addresses(const std::vector<config::Route>& routes,
                                          const HostAddresses& known);

/// Asks the system's resolver. Belongs to the control thread.
class RouteNames {
 public:
  explicit RouteNames(asio::io_context& context) : resolver_(context) {}

  using Done = std::function<void(std::vector<config::Route> routes)>;
  /// Calls `done` with what with_addresses() makes of the answers; at once when there are no names.
  void look_up(const std::vector<config::Route>& routes, const Done& done);
  /// The same, and waits for the answers.
  std::vector<config::Route> look_up_now(const std::vector<config::Route>& routes);

 private:
  struct Query;
  void ask_next(const std::shared_ptr<Query>& query);

  asio::ip::udp::resolver resolver_;
};

}  // namespace vpnd::control
