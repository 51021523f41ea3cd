#include "vpnd/routing/ipv6_prefix_table.hpp"

#include <bit>
#include <cstring>

namespace vpnd::routing {
namespace {

// The lengths between `low` and `high` (exclusive) that are still to be searched.
struct Bisection {
  std::size_t low;
  std::size_t high;

  bool over() const { return low >= high; }
  std::size_t middle() const { return low + (high - low) / 2; }
  void go_longer() { low = middle() + 1; }
  void go_shorter() { high = middle(); }
};

// Only the owner of the table chooses what is in it, so the hash needs to be quick rather than keyed.
std::size_t hash(Ipv6Key key) {
  std::uint64_t mixed = key.high * 0x9E3779B97F4A7C15u ^ std::rotl(key.low, 29) * 0xBF58476D1CE4E5B9u;
  mixed ^= mixed >> 32;
  mixed *= 0x94D049BB133111EBu;
  return static_cast<std::size_t>(mixed ^ mixed >> 29);
}

// One load and one swap; a loop over the bytes is not always recognised as that.
std::uint64_t big_endian(const std::byte* bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes, sizeof number);
  return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
}

}  // namespace

Ipv6Key Ipv6Key::from_bytes(std::span<const std::byte, 16> bytes) noexcept {
  return {big_endian(bytes.data()), big_endian(bytes.data() + 8)};
}

Ipv6Key Ipv6Key::masked(unsigned length) const noexcept {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  if (length == 0) return {};
  if (length <= 64) return {high & kAll << (64 - length), 0};
  return {high, low & kAll << (128 - length)};
}

const Ipv6PrefixTable::Slot* Ipv6PrefixTable::Level::find(Ipv6Key key) const noexcept {
  const std::size_t mask = slots.size() - 1;
  for (std::size_t at = hash(key) & mask; slots[at].used; at = (at + 1) & mask) {
    if (slots[at].key == key) return &slots[at];
  }
  return nullptr;
}

Ipv6PrefixTable::Slot& Ipv6PrefixTable::Level::insert(Ipv6Key key) {
  if (2 * (occupied + 1) > slots.size()) {
    std::vector<Slot> old(slots.size() * 2);
    old.swap(slots);
    occupied = 0;
    for (const Slot& slot : old) {
      if (slot.used) insert(slot.key) = slot;
    }
  }
  const std::size_t mask = slots.size() - 1;
  std::size_t at = hash(key) & mask;
  while (slots[at].used) at = (at + 1) & mask;
  ++occupied;
  slots[at].key = key;
  slots[at].used = true;
  return slots[at];
}

Ipv6PrefixTable::Ipv6PrefixTable(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (levels_.empty() || levels_.back().length != entry.length) levels_.push_back({entry.length, {}, 0});
  }
  for (Level& level : levels_) level.slots.resize(4);

  // Shortest first: when a marker is left, every prefix that could be its answer is already there.
  std::size_t own_level = 0;
  for (const Entry& entry : entries) {
    while (levels_[own_level].length != entry.length) ++own_level;
    for (Bisection path{0, levels_.size()}; path.middle() != own_level;) {
      if (path.middle() > own_level) {
        path.go_shorter();
      } else {
        leave_marker(path.middle(), entry.network);
        path.go_longer();
      }
    }
    levels_[own_level].insert(entry.network).best = entry.value;
  }
}

void Ipv6PrefixTable::leave_marker(std::size_t at, Ipv6Key network) {
  const Ipv6Key key = network.masked(levels_[at].length);
  if (levels_[at].find(key) != nullptr) return;
  std::uint32_t best = kNothing;
  for (std::size_t shorter = at; shorter-- > 0;) {
    const Slot* const slot = levels_[shorter].find(key.masked(levels_[shorter].length));
    if (slot == nullptr) continue;
    best = slot->best;  // a prefix's own value, or what an earlier marker there found out
    break;
  }
  levels_[at].insert(key).best = best;
}

std::uint32_t Ipv6PrefixTable::find(Ipv6Key address) const noexcept {
  std::uint32_t best = kNothing;
  for (Bisection path{0, levels_.size()}; !path.over();) {
    const Level& level = levels_[path.middle()];
    if (const Slot* const slot = level.find(address.masked(level.length))) {
      best = slot->best;
      path.go_longer();
    } else {
      path.go_shorter();
    }
  }
  return best;
}

std::size_t Ipv6PrefixTable::memory_bytes() const noexcept {
  std::size_t bytes = levels_.capacity() * sizeof(Level);
  for (const Level& level : levels_) bytes += level.slots.capacity() * sizeof(Slot);
  return bytes;
}

}  // namespace vpnd::routing
