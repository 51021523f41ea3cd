#include "vpnd/routing/route_table.hpp"

#include <algorithm>
#include <cassert>

namespace vpnd::routing {
namespace {

constexpr unsigned kRootBits = 16;
constexpr std::size_t kChunkSize = 256;

// An entry of the trie: 0 is nothing, with the top bit a chunk's number, otherwise a peer's index plus one.
constexpr std::uint32_t kChunkBit = 0x80000000;

constexpr bool leads_to_chunk(std::uint32_t entry) {
  return (entry & kChunkBit) != 0;
}
constexpr std::size_t chunk_start(std::uint32_t entry) {
  return std::size_t{entry & ~kChunkBit} * kChunkSize;
}

std::uint32_t ipv4_number(std::uint32_t address, unsigned length) {
  return length == 0 ? 0 : address & ~std::uint32_t{0} << (32 - length);
}

Ipv6Key ipv6_key(const tunio::IpAddress& address) {
  return Ipv6Key::from_bytes(address.bytes().first<16>());
}

}  // namespace

RouteTable::RouteTable() = default;

std::optional<PeerIndex> RouteTable::find(const tunio::IpAddress& address) const noexcept {
  return address.is_v4() ? find_ipv4(address.v4_value()) : find_ipv6(address.bytes().first<16>());
}

std::optional<PeerIndex> RouteTable::find_ipv4(std::uint32_t address) const noexcept {
  if (root_.empty()) return std::nullopt;
  std::uint32_t entry = root_[address >> kRootBits];
  if (leads_to_chunk(entry)) entry = chunks_[chunk_start(entry) + (address >> 8 & 0xFF)];
  if (leads_to_chunk(entry)) entry = chunks_[chunk_start(entry) + (address & 0xFF)];
  if (entry == 0) return std::nullopt;
  return PeerIndex{entry - 1};
}

std::optional<PeerIndex> RouteTable::find_ipv6(std::span<const std::byte, 16> address) const noexcept {
  const std::uint32_t value = ipv6_.find(Ipv6Key::from_bytes(address));
  if (value == Ipv6PrefixTable::kNothing) return std::nullopt;
  return PeerIndex{value};
}

std::size_t RouteTable::memory_bytes() const noexcept {
  return (root_.capacity() + chunks_.capacity()) * sizeof(std::uint32_t) + ipv6_.memory_bytes();
}

// Prefixes arrive shortest first, so whatever an entry holds now is the answer for what the longer one leaves
// open.
void RouteTable::insert_ipv4(std::uint32_t network, unsigned length, PeerIndex peer) {
  if (root_.empty()) root_.resize(std::size_t{1} << kRootBits);
  const auto fill = [&](std::vector<std::uint32_t>& level, std::size_t first, unsigned free_bits) {
    std::fill_n(level.begin() + static_cast<std::ptrdiff_t>(first), std::size_t{1} << free_bits,
                peer.value + 1);
  };
  if (length <= 16) return fill(root_, network >> kRootBits, 16 - length);
  const std::size_t middle = chunk_under(root_, network >> kRootBits) + (network >> 8 & 0xFF);
  if (length <= 24) return fill(chunks_, middle, 24 - length);
  fill(chunks_, chunk_under(chunks_, middle) + (network & 0xFF), 32 - length);
}

// Where the chunk begins that `level[at]` leads to; made now if there is none, with the entry's answer in all
// places.
std::size_t RouteTable::chunk_under(std::vector<std::uint32_t>& level, std::size_t at) {
  if (!leads_to_chunk(level[at])) {
    const std::uint32_t answer = level[at];
    const std::size_t start = chunks_.size();
    chunks_.resize(start + kChunkSize, answer);
    level[at] = kChunkBit | static_cast<std::uint32_t>(start / kChunkSize);
  }
  return chunk_start(level[at]);
}

void RouteTableBuilder::add(const tunio::Prefix& prefix, PeerIndex peer) {
  assert(peer.value + 1 < kChunkBit);
  if (prefix.address.is_v4()) {
    ipv4_[{prefix.length, ipv4_number(prefix.address.v4_value(), prefix.length)}] = peer;
  } else {
    ipv6_[{prefix.length, ipv6_key(prefix.address).masked(prefix.length)}] = peer;
  }
}

bool RouteTableBuilder::remove(const tunio::Prefix& prefix, PeerIndex peer) {
  if (owner(prefix) != peer) return false;
  if (prefix.address.is_v4()) {
    ipv4_.erase({prefix.length, ipv4_number(prefix.address.v4_value(), prefix.length)});
  } else {
    ipv6_.erase({prefix.length, ipv6_key(prefix.address).masked(prefix.length)});
  }
  return true;
}

std::optional<PeerIndex> RouteTableBuilder::owner(const tunio::Prefix& prefix) const {
  if (prefix.address.is_v4()) {
    const auto found = ipv4_.find({prefix.length, ipv4_number(prefix.address.v4_value(), prefix.length)});
    return found == ipv4_.end() ? std::nullopt : std::optional(found->second);
  }
  const auto found = ipv6_.find({prefix.length, ipv6_key(prefix.address).masked(prefix.length)});
  return found == ipv6_.end() ? std::nullopt : std::optional(found->second);
}

std::shared_ptr<const RouteTable> RouteTableBuilder::build() const {
  auto table = std::make_shared<RouteTable>();
  for (const auto& [prefix, peer] : ipv4_) table->insert_ipv4(prefix.second, prefix.first, peer);

  std::vector<Ipv6PrefixTable::Entry> entries;
  entries.reserve(ipv6_.size());
  for (const auto& [prefix, peer] : ipv6_) entries.push_back({prefix.first, prefix.second, peer.value});
  table->ipv6_ = Ipv6PrefixTable(entries);
  return table;
}

}  // namespace vpnd::routing
