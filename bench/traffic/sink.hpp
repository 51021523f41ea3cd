// Receives what generators send, and tells of each run what became of it.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "bench/traffic/packets.hpp"
#include "bench/traffic/sockets.hpp"
#include "bench/traffic/tally.hpp"

namespace vpnd::bench {

class Sink {
 public:
  explicit Sink(const Endpoint& at);

  // Prints "ready", and one JSON line for each run when no packet of it has come for a while. Does not
  // return.
  [[noreturn]] void run();

 private:
  using Clock = std::chrono::steady_clock;

  struct Run {
    std::uint32_t number;
    Tally tally;
    std::uint64_t foreign = 0;  // packets of earlier runs, or of nobody's
    std::uint32_t overflowed_before;
    Clock::time_point first;
    Clock::time_point last;
  };

  void count(std::span<const std::byte> packet, Clock::time_point now);
  void begin(std::uint32_t number, Clock::time_point now);
  void note_overflow(const msghdr& message);
  void finish();

  Socket socket_;
  Packets packets_;
  std::optional<Run> run_;
  std::uint32_t newest_ = 0;      // runs are numbered upwards
  std::uint32_t overflowed_ = 0;  // datagrams this socket had no room for, since it was opened
};

}  // namespace vpnd::bench
