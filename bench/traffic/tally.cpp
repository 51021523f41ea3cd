#include "bench/traffic/tally.hpp"

#include <algorithm>

namespace vpnd::bench {

namespace {
constexpr std::size_t kFirstSize = 1 << 16;
}

void Tally::add(std::uint64_t sequence, std::size_t bytes) {
  if (sequence >= kMostPackets) {
    ++strays_;
    return;
  }
  if (sequence >= seen_.size()) seen_.resize(std::max({sequence + 1, 2 * seen_.size(), kFirstSize}));
  if (seen_[sequence]) {
    ++duplicates_;
    return;
  }
  seen_[sequence] = true;
  ++packets_;
  bytes_ += bytes;
  if (sequence < next_) {
    ++reordered_;
  } else {
    next_ = sequence + 1;
  }
}

}  // namespace vpnd::bench
