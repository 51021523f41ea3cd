// The replay protection of wrapped control packets: a packet id and the time at which its counter was started
// (docs/protocol.md §1, the "long form"). Retransmissions count too, so the ids say nothing about message
// order.

#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/drop_reason.hpp"
#include "proto/time.hpp"

namespace vpnd::proto {

struct ControlPacketId {
  std::uint32_t id = 0;    // 0 is never valid
  std::uint32_t time = 0;  // unix seconds at which the counter was started
  auto operator<=>(const ControlPacketId&) const = default;
};

// Hands out the ids of one direction under one wrapping key.
class ControlPacketIdCounter {
 public:
  ControlPacketIdCounter() = default;

  // Goes on behind `last`, which has already been used on the wire.
  explicit ControlPacketIdCounter(ControlPacketId last) noexcept : last_(last) {}

  // The time is that of the first call. When the 32 bits are used up the counter restarts under a later time;
  // while the wall clock has not moved on there is no id that was not used before, and the result is empty.
  std::optional<ControlPacketId> next(Now now) noexcept;

 private:
  ControlPacketId last_;
};

// Remembers the ids of one direction under one wrapping key. Only authenticated packets may be shown to it.
class ControlReplayWindow {
 public:
  static constexpr std::uint32_t kSize = 64;                    // ids, as in stock
  static constexpr auto kBacktrack = std::chrono::seconds(15);  // how late a packet may be, as in stock

  // none: the packet is new, and from now on known. control_replayed: it was seen, or is too old to tell.
  // malformed: the id 0. A later time restarts the window, an earlier one is a replay.
  DropReason accept(ControlPacketId packet, Now now) noexcept;

 private:
  bool overtaken(std::uint32_t id, TimePoint now) const noexcept;

  struct Arrival {
    std::uint32_t id = 0;  // 0: none yet
    TimePoint at;
  };
  std::uint32_t time_ = 0;
  std::uint32_t highest_ = 0;
  std::array<Arrival, kSize> arrivals_{};  // of id n at n % kSize
};

}  // namespace vpnd::proto
