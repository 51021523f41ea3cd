// Which peer an inner address belongs to: longest prefix match over the pool's addresses, iroutes and pushed
// networks.
//
// IPv4 is a 16-8-8 trie: one step per level, so three memory touches at most and usually one or two.
//
//     root[65536] ──► chunk[256] ──► chunk[256]      an entry is a peer, nothing, or the number of a chunk
//     bits 31..16     bits 15..8     bits 7..0       prefixes are expanded into the entries they cover
//
// IPv6 is a hash table per prefix length that occurs (a handful), searched by bisection over those lengths: a
// shorter prefix leaves a marker where the search for a longer one passes (Waldvogel et al., SIGCOMM 1997).

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/routing/ipv6_prefix_table.hpp"

namespace vpnd::routing {

// The daemon's number of a peer: an index, below 2^31 - 1.
struct PeerIndex {
  std::uint32_t value;
  auto operator<=>(const PeerIndex&) const = default;
};

// An immutable snapshot: any number of threads may look things up, and none needs a lock. Swapped as a whole.
class RouteTable {
 public:
  RouteTable();  // empty: finds nothing

  std::optional<PeerIndex> find(const tunio::IpAddress& address) const noexcept;
  // The address as a number: 10.8.0.1 is 0x0A080001.
  std::optional<PeerIndex> find_ipv4(std::uint32_t address) const noexcept;
  std::optional<PeerIndex> find_ipv6(std::span<const std::byte, 16> address) const noexcept;

  std::size_t memory_bytes() const noexcept;

 private:
  friend class RouteTableBuilder;

  void insert_ipv4(std::uint32_t network, unsigned length, PeerIndex peer);
  std::size_t chunk_under(std::vector<std::uint32_t>& level, std::size_t at);

  std::vector<std::uint32_t> root_;    // empty while there is no IPv4 prefix
  std::vector<std::uint32_t> chunks_;  // kChunkSize entries each
  Ipv6PrefixTable ipv6_;
};

// The list the snapshots are made from. Belongs to the control thread; keep one, change it, build() after
// each change or after a burst of them.
class RouteTableBuilder {
 public:
  // A prefix belongs to one peer: adding it again moves it. Host bits of the prefix do not count.
  void add(const tunio::Prefix& prefix, PeerIndex peer);
  // False: it was not there, or belongs to another peer by now.
  bool remove(const tunio::Prefix& prefix, PeerIndex peer);
  std::optional<PeerIndex> owner(const tunio::Prefix& prefix) const;
  std::size_t size() const { return ipv4_.size() + ipv6_.size(); }

  std::shared_ptr<const RouteTable> build() const;

 private:
  // Ordered by prefix length first, so that longer prefixes overwrite shorter ones as they are expanded.
  std::map<std::pair<unsigned, std::uint32_t>, PeerIndex> ipv4_;
  std::map<std::pair<unsigned, Ipv6Key>, PeerIndex> ipv6_;
};

}  // namespace vpnd::routing
