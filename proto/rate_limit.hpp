// At most so many events in each period of time.

#pragma once

#include <chrono>
#include <cstdint>

#include "proto/time.hpp"

namespace vpnd::proto {

// Counts in periods that begin with the first event after the end of the last, as stock's connect-freq does:
// over a border of periods twice the limit may pass. One thread.
class RateLimit {
 public:
  struct Settings {
    std::uint32_t events = 0;  // 0: no limit
    std::chrono::seconds period{1};
  };

  explicit RateLimit(Settings settings) noexcept : settings_(settings) {}

  // Whether take() would succeed. Lets a caller refuse before it does expensive work.
  bool has_room(Now now) noexcept {
    if (settings_.events == 0) return true;
    if (now.steady - began_ >= settings_.period) {
      began_ = now.steady;
      taken_ = 0;
    }
    return taken_ < settings_.events;
  }

  // False: the event is one too many.
  bool take(Now now) noexcept {
    if (!has_room(now)) return false;
    if (settings_.events != 0) ++taken_;
    return true;
  }

  // An event has turned out well and shall not count.
  void give_back() noexcept {
    if (taken_ > 0) --taken_;
  }

 private:
  Settings settings_;
  TimePoint began_{};
  std::uint32_t taken_ = 0;
};

}  // namespace vpnd::proto
