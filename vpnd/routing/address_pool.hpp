// The tunnel addresses a server hands out: one index per client, shared by its IPv4 and its IPv6 address.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tunio/ip_address.hpp"

namespace vpnd::routing {

// `subnet` and `p2p` use every address; net30 uses blocks of four: network, server side, client, broadcast.
enum class PoolLayout { every_address, blocks_of_four };

struct AddressPoolSettings {
  // First and last IPv4 address, inclusive; for blocks of four any address of the first and last block. Both
  // or none.
  std::optional<tunio::IpAddress> ipv4_first;
  std::optional<tunio::IpAddress> ipv4_last;
  PoolLayout ipv4_layout = PoolLayout::every_address;
  // Where the IPv6 addresses begin, and the length of the prefix they must stay in.
  std::optional<tunio::IpAddress> ipv6_first;
  std::uint8_t ipv6_prefix_length = 64;
  // More than this many clients cannot be served from one pool, as with stock.
  static constexpr std::size_t kMaxSize = 65536;
  // `duplicate-cn`: a name is no reason to give an address again.
  bool sticky = true;
};

struct PoolIndex {
  std::uint32_t value;
  auto operator<=>(const PoolIndex&) const = default;
};

struct PoolLease {
  PoolIndex index;
  std::optional<tunio::IpAddress> ipv4;
  std::optional<tunio::IpAddress> ipv4_server_side;  // blocks of four only
  std::optional<tunio::IpAddress> ipv6;
};

// What became of the wish to use a fixed address (`ifconfig-push`).
enum class StaticClaim {
  outside,   // not an address of the pool
  reserved,  // of the pool, and from now on never handed out
  leased,    // a client has it at this moment; nobody else will get it after that one
};

// Used by one thread. Every operation but construction is O(log size).
//
// A name gets the address it had before, if that is free; a new name gets the address that has been free for
// the longest time, so that somebody who returns finds the old one still there.
class AddressPool {
 public:
  // Throws std::invalid_argument for a range that is empty, reversed, of mixed families or larger than
  // kMaxSize IPv4 addresses.
  explicit AddressPool(const AddressPoolSettings& settings);

  // An empty name is nobody's: never sticky. None: every address is in use.
  std::optional<PoolLease> acquire(std::string_view common_name);
  void release(PoolIndex index);

  StaticClaim claim_static(const tunio::IpAddress& address);

  // Gives `common_name` a place by its address, from the persist file. `fixed` addresses (a read-only file)
  // are for that name alone. False: not an address of the pool, or already somebody's.
  enum class Binding { preferred, fixed };
  bool bind(std::string_view common_name, const tunio::IpAddress& address, Binding binding);

  // Every name that has an address, in use or not, by index: what the persist file is written from.
  struct Named {
    std::string common_name;
    PoolLease lease;
  };
  std::vector<Named> named() const;

  PoolLease lease(PoolIndex index) const;
  // The place that an address belongs to (of a block: any of its four). None: not an address of the pool.
  std::optional<PoolIndex> find(const tunio::IpAddress& address) const;
  std::size_t size() const { return entries_.size(); }
  std::size_t in_use() const { return in_use_; }

 private:
  struct Entry {
    std::string common_name;       // the one using it, or the last one that did
    std::uint64_t free_since = 0;  // a counter, not a time: its place in line among the free ones
    bool leased = false;
    bool reserved = false;  // static
    bool fixed = false;     // for its name alone
  };

  std::optional<std::uint32_t> choose(std::string_view common_name) const;
  void enqueue(std::uint32_t index);
  void dequeue(std::uint32_t index);
  void give_name(std::uint32_t index, std::string_view common_name);
  void forget_name(std::uint32_t index);

  AddressPoolSettings settings_;
  std::uint32_t ipv4_base_ = 0;  // of entry 0: its address, or the first address of its block
  std::vector<Entry> entries_;
  std::map<std::uint64_t, std::uint32_t> free_;  // free_since → index
  std::unordered_multimap<std::string, std::uint32_t> by_name_;
  std::uint64_t next_turn_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace vpnd::routing
