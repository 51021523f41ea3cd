// The IPv6 half of a route table: longest prefix match by bisection over the prefix lengths in use.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vpnd::routing {

// An IPv6 address as two numbers, most significant first.
struct Ipv6Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Ipv6Key&) const = default;

  static Ipv6Key from_bytes(std::span<const std::byte, 16> bytes) noexcept;
  Ipv6Key masked(unsigned length) const noexcept;
};

class Ipv6PrefixTable {
 public:
  struct Entry {
    unsigned length;
    Ipv6Key network;  // host bits zero
    std::uint32_t value;
  };
  static constexpr std::uint32_t kNothing = 0xFFFFFFFF;

  Ipv6PrefixTable() = default;
  // `entries` are sorted by length, shortest first, and hold no prefix twice. No value is kNothing.
  explicit Ipv6PrefixTable(std::span<const Entry> entries);

  // The value of the longest prefix that covers the address, or kNothing.
  std::uint32_t find(Ipv6Key address) const noexcept;
  std::size_t memory_bytes() const noexcept;

 private:
  // `best` is the answer if no longer prefix matches: the entry's own value or, for a marker, that of the
  // longest shorter prefix. kNothing there is an answer too, hence `used`.
  struct Slot {
    Ipv6Key key;
    std::uint32_t best = kNothing;
    bool used = false;
  };
  // One length: open addressing, a power of two in size, at most half full.
  struct Level {
    unsigned length = 0;
    std::vector<Slot> slots;
    std::size_t occupied = 0;

    const Slot* find(Ipv6Key key) const noexcept;
    Slot& insert(Ipv6Key key);  // which is not there yet
  };

  void leave_marker(std::size_t at, Ipv6Key network);

  std::vector<Level> levels_;  // shortest length first
};

}  // namespace vpnd::routing
