// Time as the protocol sees it: always passed in, never read, so that a test can live through an hour in no
// time.

#pragma once

#include <chrono>
#include <cstdint>

namespace vpnd::proto {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// One moment on both clocks: the steady one for timers, the wall clock for what stands on the wire.
struct Now {
  TimePoint steady;
  std::uint32_t unix_seconds;
};

}  // namespace vpnd::proto
