// How much one turn of the event loop takes in.

#pragma once

#include <algorithm>
#include <cstddef>

namespace vpnd::tunio {

/// How many receive slots a turn offers the kernel: as many as hold `turn_bytes` at the size that arrivals
/// had of late. A turn is one stage of a pipeline whose next stages, the kernel, the peer and the
/// application, stand still until its flush, and what it takes in should still be in the processor's cache
/// when it is sealed and sent. Small packets need all slots to make a batch worth its system calls; of
/// super-packets of 64 KB a few are enough.
class TurnLimit {
 public:
  /// `slots` is the most, and what is offered at first.
  TurnLimit(std::size_t slots, std::size_t turn_bytes) noexcept
      : most_(slots), turn_bytes_(turn_bytes), slots_(slots) {}

  std::size_t slots() const noexcept { return slots_; }

  /// A turn filled so many slots with so many bytes altogether.
  void note(std::size_t arrivals, std::size_t bytes) noexcept {
    if (arrivals == 0) return;
    // Decaying sums: a lone acknowledgement between two bursts says little about the next one.
    arrivals_ = arrivals_ - arrivals_ / kMemory + arrivals * kScale;
    bytes_ = bytes_ - bytes_ / kMemory + bytes * kScale;
    const std::size_t mean = std::max<std::size_t>(bytes_ / arrivals_, 1);
    slots_ = std::clamp(turn_bytes_ / mean, std::min(kLeast, most_), most_);
  }

 private:
  static constexpr std::size_t kMemory = 4;  // turns
  static constexpr std::size_t kScale = 16;  // so that the division leaves nothing behind for ever
  static constexpr std::size_t kLeast = 2;

  std::size_t most_;
  std::size_t turn_bytes_;
  std::size_t slots_;
  std::size_t arrivals_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace vpnd::tunio
