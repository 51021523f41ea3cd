// What a tunnel is to look like: its addresses, routes and what programs are told of it.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/config/options.hpp"

namespace vpnd::control {

/// What there is to set up: from the configuration on a server, with what was pushed on a client.
struct TunnelPlan {
  config::AddressOptions addresses;
  config::RoutingOptions routing;
  std::vector<std::string> foreign_options;
  std::vector<std::pair<std::string, std::string>> environment;  ///< setenv-safe
  std::uint16_t mtu = 1500;
  std::optional<tunio::IpAddress> server;  ///< a client's: where its packets go
  std::uint16_t server_port = 0;

  /// The tunnel's own address of the other end, or the one that routes lead to.
  std::optional<tunio::IpAddress> gateway() const;

  bool operator==(const TunnelPlan&) const = default;
};

/// A server's plan, and what a client starts from.
TunnelPlan configured_plan(const config::Options& options);

}  // namespace vpnd::control
