#include "bench/traffic/latencies.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace vpnd::bench {

namespace {
constexpr double kRounding = 1e-6;  // 99.9 % of 1000 is 999.0000000001 in floating point, and not rank 1000
}

Latencies::Duration Latencies::percentile(double percent) {
  assert(!samples_.empty());
  const auto count = static_cast<double>(samples_.size());
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * count - kRounding));
  const auto place = samples_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::ranges::nth_element(samples_, place);
  return *place;
}

std::vector<std::size_t> Latencies::histogram() const {
  std::vector<std::size_t> bins;
  for (const Duration sample : samples_) {
    std::size_t bin = 0;
    for (Duration end = std::chrono::microseconds(1); sample > end; end *= 2) ++bin;
    if (bin >= bins.size()) bins.resize(bin + 1);
    ++bins[bin];
  }
  return bins;
}

}  // namespace vpnd::bench
