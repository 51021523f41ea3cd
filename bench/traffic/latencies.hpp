// Round trips, every single one kept, so that percentiles are exact however far out they lie.

#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace vpnd::bench {

class Latencies {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration latency) { samples_.push_back(latency); }
  std::size_t count() const { return samples_.size(); }

  // The smallest sample that at least `percent` of all samples do not exceed (nearest rank); 0 is the
  // minimum. There must be a sample.
  Duration percentile(double percent);

  // How many samples lie in each of the bins (0, 1], (1, 2], (2, 4], … µs, up to the largest one.
  std::vector<std::size_t> histogram() const;

 private:
  std::vector<Duration> samples_;
};

}  // namespace vpnd::bench
