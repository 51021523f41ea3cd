#include "vpnd/routing/address_pool.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace vpnd::routing {
namespace {

// net30: network, server side, client, broadcast.
constexpr std::uint32_t kBlockSize = 4;
constexpr std::uint32_t kServerSideOfBlock = 1;
constexpr std::uint32_t kClientSideOfBlock = 2;

std::uint32_t ipv4_base(const AddressPoolSettings& settings) {
  const std::uint32_t first = settings.ipv4_first->v4_value();
  return settings.ipv4_layout == PoolLayout::blocks_of_four ? first & ~(kBlockSize - 1) : first;
}

std::uint64_t ipv4_size(const AddressPoolSettings& settings) {
  if (!settings.ipv4_last || !settings.ipv4_first->is_v4() || !settings.ipv4_last->is_v4()) {
    throw std::invalid_argument("an IPv4 address pool needs a first and a last IPv4 address");
  }
  const std::uint64_t first = settings.ipv4_first->v4_value();
  const std::uint64_t last = settings.ipv4_last->v4_value();
  if (first > last) throw std::invalid_argument("the address pool ends before it begins");
  const std::uint64_t size = settings.ipv4_layout == PoolLayout::blocks_of_four
                                 ? last / kBlockSize - first / kBlockSize + 1
                                 : last - first + 1;
  if (size > AddressPoolSettings::kMaxSize) {
    throw std::invalid_argument("the address pool has more than 65536 IPv4 addresses");
  }
  return size;
}

std::uint64_t low_half(const tunio::IpAddress& ipv6) {
  std::uint64_t number = 0;
  for (const std::byte byte : ipv6.bytes().last(8))
    number = number << 8 | std::to_integer<std::uint64_t>(byte);
  return number;
}

// As many as there are from the first address to the end of the prefix, at most kMaxSize.
std::uint64_t ipv6_size(const AddressPoolSettings& settings) {
  const unsigned length = settings.ipv6_prefix_length;
  if (!settings.ipv6_first->is_v6() || length > 128) {
    throw std::invalid_argument("an IPv6 address pool needs an IPv6 address with a prefix length");
  }
  const tunio::Prefix prefix{*settings.ipv6_first, settings.ipv6_prefix_length};
  if (prefix.contains(settings.ipv6_first->plus(AddressPoolSettings::kMaxSize - 1))) {
    return AddressPoolSettings::kMaxSize;
  }
  const std::uint64_t to_overflow = std::uint64_t{0} - low_half(*settings.ipv6_first);  // of the low half
  if (length <= 64) return to_overflow;
  const std::uint64_t span = std::uint64_t{1} << (128 - length);
  return span - (low_half(*settings.ipv6_first) & (span - 1));
}

std::size_t pool_size(const AddressPoolSettings& settings) {
  if (!settings.ipv4_first && !settings.ipv6_first)
    throw std::invalid_argument("an address pool needs a range");
  std::uint64_t size = AddressPoolSettings::kMaxSize;
  if (settings.ipv4_first) size = std::min(size, ipv4_size(settings));
  if (settings.ipv6_first) size = std::min(size, ipv6_size(settings));
  return static_cast<std::size_t>(size);
}

std::uint64_t distance(const tunio::IpAddress& from, const tunio::IpAddress& to) {
  const std::uint64_t difference = low_half(to) - low_half(from);
  // Only right when the addresses are less than 2^64 apart: check by walking it.
  return from.plus(difference) == to ? difference : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

AddressPool::AddressPool(const AddressPoolSettings& settings)
    : settings_(settings), entries_(pool_size(settings)) {
  if (settings_.ipv4_first) ipv4_base_ = ipv4_base(settings_);
  for (std::uint32_t index = 0; index < entries_.size(); ++index) enqueue(index);
}

std::optional<PoolLease> AddressPool::acquire(std::string_view common_name) {
  const auto index = choose(common_name);
  if (!index) return std::nullopt;
  Entry& entry = entries_[*index];
  if (!entry.fixed) dequeue(*index);
  entry.leased = true;
  ++in_use_;
  give_name(*index, common_name);
  return lease(PoolIndex{*index});
}

std::optional<std::uint32_t> AddressPool::choose(std::string_view common_name) const {
  if (settings_.sticky && !common_name.empty()) {
    const auto [begin, end] = by_name_.equal_range(std::string(common_name));
    for (auto candidate = begin; candidate != end; ++candidate) {
      const Entry& entry = entries_[candidate->second];
      if (!entry.leased && !entry.reserved) return candidate->second;
    }
  }
  if (free_.empty()) return std::nullopt;
  return free_.begin()->second;
}

void AddressPool::release(PoolIndex index) {
  Entry& entry = entries_.at(index.value);
  if (!entry.leased) return;
  entry.leased = false;
  --in_use_;
  if (entry.reserved) return forget_name(index.value);
  if (!entry.fixed) enqueue(index.value);
}

StaticClaim AddressPool::claim_static(const tunio::IpAddress& address) {
  const auto index = find(address);
  if (!index) return StaticClaim::outside;
  Entry& entry = entries_[index->value];
  const bool was_free = !entry.leased && !entry.reserved && !entry.fixed;
  entry.reserved = true;
  entry.fixed = false;
  if (entry.leased) return StaticClaim::leased;
  if (was_free) dequeue(index->value);
  forget_name(index->value);
  return StaticClaim::reserved;
}

bool AddressPool::bind(std::string_view common_name, const tunio::IpAddress& address, Binding binding) {
  const auto index = find(address);
  if (!index || common_name.empty()) return false;
  Entry& entry = entries_[index->value];
  if (entry.leased || entry.reserved) return false;
  if (!entry.common_name.empty() && entry.common_name != common_name) return false;
  if (!entry.fixed) dequeue(index->value);
  entry.fixed = entry.fixed || binding == Binding::fixed;
  if (!entry.fixed) enqueue(index->value);  // behind those that were nobody's
  give_name(index->value, common_name);
  return true;
}

std::vector<AddressPool::Named> AddressPool::named() const {
  std::vector<Named> all;
  for (std::uint32_t index = 0; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (!entry.common_name.empty()) all.push_back({entry.common_name, lease(PoolIndex{index})});
  }
  return all;
}

PoolLease AddressPool::lease(PoolIndex index) const {
  PoolLease lease{index, std::nullopt, std::nullopt, std::nullopt};
  if (settings_.ipv4_first) {
    if (settings_.ipv4_layout == PoolLayout::blocks_of_four) {
      const std::uint32_t block = ipv4_base_ + kBlockSize * index.value;
      lease.ipv4 = tunio::IpAddress::v4(block + kClientSideOfBlock);
      lease.ipv4_server_side = tunio::IpAddress::v4(block + kServerSideOfBlock);
    } else {
      lease.ipv4 = tunio::IpAddress::v4(ipv4_base_ + index.value);
    }
  }
  if (settings_.ipv6_first) lease.ipv6 = settings_.ipv6_first->plus(index.value);
  return lease;
}

std::optional<PoolIndex> AddressPool::find(const tunio::IpAddress& address) const {
  std::uint64_t index = std::numeric_limits<std::uint64_t>::max();
  if (address.is_v4() && settings_.ipv4_first && address.v4_value() >= ipv4_base_) {
    index = address.v4_value() - ipv4_base_;
    if (settings_.ipv4_layout == PoolLayout::blocks_of_four) index /= kBlockSize;
  } else if (address.is_v6() && settings_.ipv6_first) {
    index = distance(*settings_.ipv6_first, address);
  }
  if (index >= entries_.size()) return std::nullopt;
  return PoolIndex{static_cast<std::uint32_t>(index)};
}

void AddressPool::enqueue(std::uint32_t index) {
  entries_[index].free_since = next_turn_++;
  free_.emplace_hint(free_.end(), entries_[index].free_since, index);
}

void AddressPool::dequeue(std::uint32_t index) {
  free_.erase(entries_[index].free_since);
}

void AddressPool::give_name(std::uint32_t index, std::string_view common_name) {
  if (entries_[index].common_name == common_name) return;
  forget_name(index);
  if (common_name.empty()) return;
  entries_[index].common_name = common_name;
  by_name_.emplace(common_name, index);
}

void AddressPool::forget_name(std::uint32_t index) {
  const auto [begin, end] = by_name_.equal_range(entries_[index].common_name);
  for (auto candidate = begin; candidate != end; ++candidate) {
    if (candidate->second != index) continue;
    by_name_.erase(candidate);
    break;
  }
  entries_[index].common_name.clear();
}

}  // namespace vpnd::routing
