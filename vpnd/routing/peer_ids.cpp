#include "vpnd/routing/peer_ids.hpp"

#include <algorithm>
#include <cassert>

namespace vpnd::routing {

namespace {

using Offset = std::vector<bool>::difference_type;

}  // namespace

std::optional<PeerIndex> PeerIds::take(std::uint32_t count) {
  assert(count > 0);
  for (std::size_t tried = 0; tried < taken_.size(); ++tried) {
    const std::uint32_t first = next_;
    const bool found = is_free(first, count);
    next_ = static_cast<std::uint32_t>((std::size_t{first} + (found ? count : 1)) % taken_.size());
    if (!found) continue;
    std::fill_n(taken_.begin() + Offset{first}, count, true);
    return PeerIndex{first};
  }
  return std::nullopt;
}

bool PeerIds::claim(PeerIndex id) {
  if (!is_free(id.value, 1)) return false;
  taken_[id.value] = true;
  return true;
}

void PeerIds::give_back(PeerIndex first, std::uint32_t count) {
  assert(std::size_t{first.value} + count <= taken_.size());
  std::fill_n(taken_.begin() + Offset{first.value}, count, false);
}

bool PeerIds::is_free(std::uint32_t first, std::uint32_t count) const {
  if (std::size_t{first} + count > taken_.size()) return false;
  const auto begin = taken_.begin() + Offset{first};
  return std::find(begin, begin + Offset{count}, true) == begin + Offset{count};
}

}  // namespace vpnd::routing
