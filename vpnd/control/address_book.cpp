#include "vpnd/control/address_book.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "vpnd/config/diagnostic.hpp"
#include "vpnd/routing/pool_persist.hpp"

namespace vpnd::control {

namespace {

routing::AddressPoolSettings pool_settings(const config::ServerOptions& server, config::Topology topology) {
  routing::AddressPoolSettings settings;
  if (topology == config::Topology::net30) settings.ipv4_layout = routing::PoolLayout::blocks_of_four;
  if (server.pool) {
    settings.ipv4_first = server.pool->first;
    settings.ipv4_last = server.pool->last;
  }
  if (server.pool_ipv6) {
    settings.ipv6_first = server.pool_ipv6->address;
    settings.ipv6_prefix_length = server.pool_ipv6->length;
  }
  settings.sticky = !server.duplicate_cn;
  return settings;
}

tunio::Prefix host_prefix(const tunio::IpAddress& address) {
  return {address, address.bits()};
}

}  // namespace

AddressBook::AddressBook(const config::Options& options) : options_(options) {
  const config::ServerOptions& server = options.server;
  if (server.pool || server.pool_ipv6) {
    try {
      pool_.emplace(pool_settings(server, topology()));
    } catch (const std::invalid_argument& error) {
      throw config::ConfigError({{"configuration"}, "ifconfig-pool", error.what()});
    }
  }
  if (pool_ && server.pool_persistence) {
    const bool read_only = server.pool_persistence->interval.count() == 0;
    warnings_ = routing::load_pool(
        *pool_, server.pool_persistence->path,
        read_only ? routing::AddressPool::Binding::fixed : routing::AddressPool::Binding::preferred);
  }
}

AddressBook::~AddressBook() {
  save();
}

void AddressBook::save() const {
  const auto& persistence = options_.server.pool_persistence;
  if (!pool_ || !persistence || persistence->interval.count() == 0) return;
  const auto saved = routing::save_pool(*pool_, persistence->path);
  if (!saved.ok()) spdlog::warn("ifconfig-pool-persist: {}", saved.reason);
}

AddressBook::Outcome AddressBook::assign(const std::string& common_name, const config::ClientConfig& client,
                                         routing::PeerIndex peer) {
  Assignment assignment;
  if (const auto refusal = take_static(client, assignment)) return {std::nullopt, *refusal};

  const bool wants_ipv4 = !assignment.ipv4 && options_.server.pool;
  const bool wants_ipv6 = !assignment.ipv6 && options_.server.pool_ipv6;
  if (pool_ && (wants_ipv4 || wants_ipv6)) {
    const auto lease = pool_->acquire(common_name);
    if (!lease) return {std::nullopt, "no free address in the pool (ifconfig-pool)"};
    assignment.lease = lease->index;
    if (wants_ipv4 && lease->ipv4) {
      assignment.ipv4 = lease->ipv4;
      assignment.netmask_or_peer = netmask_or_peer(*lease);
    }
    if (wants_ipv6 && lease->ipv6) {
      assignment.ipv6 = {*lease->ipv6, static_cast<std::uint8_t>(options_.server.pool_ipv6->length)};
    }
  }
  if (assignment.ipv6 && assignment.ipv6_gateway == tunio::IpAddress() &&
      options_.tunnel.addresses.local_ipv6) {
    assignment.ipv6_gateway = options_.tunnel.addresses.local_ipv6->address;
  }
  assignment.networks = client.networks;
  enter(assignment, peer);
  return {assignment, {}};
}

config::Topology AddressBook::topology() const {
  return options_.tunnel.addresses.topology.value_or(config::Topology::subnet);
}

// The second word of a client's ifconfig: in net30 each line has its own end here, in p2p all share ours.
tunio::IpAddress AddressBook::netmask_or_peer(const routing::PoolLease& lease) const {
  switch (topology()) {
    case config::Topology::subnet:
      return tunio::netmask_v4(static_cast<std::uint8_t>(options_.server.pool_bits.value_or(24)));
    case config::Topology::net30:
      return lease.ipv4_server_side.value_or(tunio::IpAddress());
    case config::Topology::p2p:
      return options_.tunnel.addresses.local.value_or(tunio::IpAddress());
  }
  return {};
}

// The addresses of ifconfig-push and ifconfig-ipv6-push. A reason, if another client has one at this moment.
std::optional<std::string> AddressBook::take_static(const config::ClientConfig& client,
                                                    Assignment& assignment) {
  if (client.address) {
    assignment.ipv4 = client.address->address;
    assignment.netmask_or_peer = client.address->netmask_or_peer;
  }
  if (client.address_ipv6) {
    assignment.ipv6 = client.address_ipv6->address;
    assignment.ipv6_gateway = client.address_ipv6->gateway.value_or(tunio::IpAddress());
  }
  for (const auto& address :
       {assignment.ipv4, assignment.ipv6 ? std::optional(assignment.ipv6->address) : std::nullopt}) {
    if (!address) continue;
    const bool taken = routes_.owner(host_prefix(*address)).has_value();
    if (taken || (pool_ && pool_->claim_static(*address) == routing::StaticClaim::leased)) {
      return fmt::format("its fixed address {} is in use by another client", address->format());
    }
  }
  return std::nullopt;
}

void AddressBook::enter(const Assignment& assignment, routing::PeerIndex peer) {
  if (assignment.ipv4) routes_.add(host_prefix(*assignment.ipv4), peer);
  if (assignment.ipv6) routes_.add(host_prefix(assignment.ipv6->address), peer);
  for (const tunio::Prefix& network : assignment.networks) routes_.add(network, peer);
}

std::string AddressBook::move(Assignment& assignment, const tunio::IpAddress& address,
                              const tunio::IpAddress& netmask_or_peer, routing::PeerIndex peer) {
  assignment.netmask_or_peer = netmask_or_peer;
  if (assignment.ipv4 == address) return {};
  const bool taken = routes_.owner(host_prefix(address)).has_value();
  if (taken || (pool_ && pool_->claim_static(address) == routing::StaticClaim::leased))
    return fmt::format("{} is in use by another client", address.format());
  if (assignment.ipv4) routes_.remove(host_prefix(*assignment.ipv4), peer);
  assignment.ipv4 = address;
  routes_.add(host_prefix(address), peer);
  return {};
}

void AddressBook::release(const Assignment& assignment, routing::PeerIndex peer) {
  if (assignment.ipv4) routes_.remove(host_prefix(*assignment.ipv4), peer);
  if (assignment.ipv6) routes_.remove(host_prefix(assignment.ipv6->address), peer);
  for (const tunio::Prefix& network : assignment.networks) routes_.remove(network, peer);
  if (assignment.lease) pool_->release(*assignment.lease);
}

void AddressBook::withhold(const tunio::Prefix& prefix, routing::PeerIndex peer) {
  routes_.remove(prefix, peer);
}

}  // namespace vpnd::control
