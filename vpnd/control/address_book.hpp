// Which inner addresses belong to which client: the pool, fixed addresses and networks of client-config-dir,
// and the route table that the worker looks them up in.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/config/client_config.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/routing/address_pool.hpp"
#include "vpnd/routing/route_table.hpp"

namespace vpnd::control {

/// What one client was given.
struct Assignment {
  std::optional<routing::PoolIndex> lease;
  std::optional<tunio::IpAddress> ipv4;
  tunio::IpAddress netmask_or_peer;  ///< the second word of `ifconfig` as it is pushed
  std::optional<tunio::Prefix> ipv6;
  tunio::IpAddress ipv6_gateway;
  std::vector<tunio::Prefix> networks;  ///< behind the client (iroute)
};

/// Belongs to the control thread.
class AddressBook {
 public:
  /// Reads the persist file. Throws config::ConfigError for a pool that cannot be.
  explicit AddressBook(const config::Options& options);
  ~AddressBook();  // writes the persist file

  struct [[nodiscard]] Outcome {
    std::optional<Assignment> assignment;
    std::string refusal;  ///< why there is none
  };
  /// Gives a client its addresses and enters them and its networks into the route table.
  Outcome assign(const std::string& common_name, const config::ClientConfig& client, routing::PeerIndex peer);
  /// Gives the client another IPv4 address. Returns why it cannot have it, or nothing.
  std::string move(Assignment& assignment, const tunio::IpAddress& address,
                   const tunio::IpAddress& netmask_or_peer, routing::PeerIndex peer);
  void release(const Assignment& assignment, routing::PeerIndex peer);
  /// No packets go to or come from this address or network of the client, which keeps it.
  void withhold(const tunio::Prefix& prefix, routing::PeerIndex peer);

  std::shared_ptr<const routing::RouteTable> route_table() const { return routes_.build(); }
  /// Writes who has which address, if that is configured.
  void save() const;
  std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

 private:
  config::Topology topology() const;
  tunio::IpAddress netmask_or_peer(const routing::PoolLease& lease) const;
  void enter(const Assignment& assignment, routing::PeerIndex peer);
  std::optional<std::string> take_static(const config::ClientConfig& client, Assignment& assignment);

  const config::Options& options_;
  std::optional<routing::AddressPool> pool_;
  routing::RouteTableBuilder routes_;
  std::vector<std::string> warnings_;
};

}  // namespace vpnd::control
