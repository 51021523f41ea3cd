// How long a queue stands, and when to drop because of it: CoDel's control law (RFC 8289), moved from the
// exit of the queue to its entrance, because what waits for a TCP stream is sealed already and cannot be
// taken out. Pure arithmetic over a time that is passed in; nothing allocates.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/time.hpp"

namespace vpnd::dataplane {

using Duration = proto::Clock::duration;

/// Decides which packets a queue loses, so that senders slow down before it is full. One that empties now and
/// then loses nothing; one that stands loses a packet, then more and more often, until it shrinks.
class DelayLaw {
 public:
  static constexpr std::chrono::milliseconds kTarget{5};      ///< a delay that may stand
  static constexpr std::chrono::milliseconds kInterval{100};  ///< for how long a longer one is a mere burst

  /// Asked for every packet that comes to the queue: whether it is to be lost. `delay` is that of the packet
  /// at the head of the queue.
  bool drops(proto::TimePoint now, Duration delay) noexcept;

 private:
  bool has_stood(proto::TimePoint now, Duration delay) noexcept;
  void begin_dropping(proto::TimePoint now) noexcept;
  Duration step() const noexcept;

  std::optional<proto::TimePoint> patience_ends_;  // set while the delay is above the target
  bool dropping_ = false;
  proto::TimePoint next_drop_{};
  std::uint32_t count_ = 0;       // drops since dropping began, by which they become more frequent
  std::uint32_t last_count_ = 0;  // what count_ was when dropping began
};

/// The age of the oldest byte of a queue, of which only its length can be seen. It remembers when which part
/// of the byte stream came in, exactly to a millisecond while the queue is young, to an eighth of its age
/// later.
class QueueAge {
 public:
  /// So many bytes more went into the queue.
  void add(proto::TimePoint now, std::size_t bytes) noexcept;

  /// The age of the head of the queue when `length` bytes are left in it; zero for an empty queue.
  Duration age(proto::TimePoint now, std::size_t length) noexcept;

 private:
  struct Mark {
    proto::TimePoint since;  // the earliest of these bytes came then
    std::uint64_t end;       // bytes of the whole stream up to here
  };
  static constexpr std::size_t kMarks = 64;
  static constexpr std::chrono::milliseconds kFinest{1};
  static constexpr int kShare = 8;

  Mark& mark(std::size_t i) noexcept { return marks_[(first_ + i) % kMarks]; }

  std::array<Mark, kMarks> marks_{};
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::uint64_t total_ = 0;
};

/// The queue in front of one TCP stream, or of a UDP socket.
struct QueueWatch {
  QueueAge age;
  DelayLaw law;
};

}  // namespace vpnd::dataplane
