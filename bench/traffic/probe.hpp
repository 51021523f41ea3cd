// Round trips over UDP: one end asks at a steady pace, the other sends everything back.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/traffic/latencies.hpp"
#include "bench/traffic/sockets.hpp"

namespace vpnd::bench {

// The pace does not depend on the answers. A prober that waited for each would ask least often when the way
// is slowest, and its percentiles would be too good.
class Prober {
 public:
  struct Plan {
    std::chrono::nanoseconds duration;
    std::chrono::nanoseconds interval;
    std::size_t size;  // of the payload, at least Stamp::kSize
  };

  Prober(const Endpoint& to, const Plan& plan);

  // Asks for as long as planned, and waits a while for the last answers.
  void run();

  std::uint64_t asked() const { return sent_at_.size(); }
  std::uint64_t unanswered() const { return asked() - latencies_.count(); }
  Latencies& latencies() { return latencies_; }

 private:
  using Clock = std::chrono::steady_clock;

  void ask();
  // Takes answers until `end`, or until all have come if `all`.
  enum class Until { time, all_answered };
  void listen(Clock::time_point end, Until until);
  void take_answer();

  Socket socket_;
  Plan plan_;
  std::vector<std::byte> packet_;
  std::vector<Clock::time_point> sent_at_;  // by sequence number; the epoch once the answer has come
  Latencies latencies_;
};

// Sends back whatever comes to `at`, after printing "ready". Does not return.
[[noreturn]] void echo(const Endpoint& at);

}  // namespace vpnd::bench
