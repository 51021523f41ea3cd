// A token bucket: how many packets of a steady rate are due.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace vpnd::bench {

class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // The sender looks once per tick, and after an involuntary pause makes up for five ticks at most. A longer
  // burst would be a load of its own that fills queues which the rate alone leaves empty.
  static constexpr auto kTick = std::chrono::microseconds(200);
  static constexpr int kMostTicks = 5;

  // `rate` in packets per second.
  Pacer(double rate, Clock::time_point start) : rate_(rate), last_(start) {}

  // Packets that may go out now; asking takes them.
  std::uint64_t take(Clock::time_point now) {
    constexpr std::chrono::duration<double> kTickSeconds = kTick;
    const double most = std::max(1.0, rate_ * kTickSeconds.count() * kMostTicks);
    tokens_ = std::min(most, tokens_ + rate_ * std::chrono::duration<double>(now - last_).count());
    last_ = now;
    const auto whole = static_cast<std::uint64_t>(tokens_);
    tokens_ -= static_cast<double>(whole);
    return whole;
  }

 private:
  double rate_;
  double tokens_ = 0;
  Clock::time_point last_;
};

}  // namespace vpnd::bench
