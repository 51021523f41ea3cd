#pragma once

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tunio/slab.hpp"

namespace vpnd::tunio {

/// Missing from Debian 12's headers (Linux 6.7).
inline constexpr std::uint8_t kOpReadMultishot = 49;

/// An io_uring for one thread: the first to submit. Needs what Linux 6.1 has (SINGLE_ISSUER, DEFER_TASKRUN):
/// with these, completions are delivered only when the owner asks, and no other thread can disturb it.
class UringRing {
 public:
  /// Throws std::system_error.
  UringRing(unsigned submissions, unsigned completions);
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;
  /// Cancels what is in flight and waits for that, so that no buffer is written to afterwards.
  ~UringRing();

  /// The calling thread becomes the owner. Cheap when called again.
  void start() noexcept;

  /// A free submission; submits the others first when there is none.
  io_uring_sqe* next(std::uint64_t user_data) noexcept;

  /// Submits, and lets completions that are due be posted.
  void submit_and_look() noexcept;
  /// Submits and waits for one completion at most `timeout` (nanoseconds::max(): no limit).
  void submit_and_wait(std::chrono::nanoseconds timeout) noexcept;

  /// Calls function(cqe) for the completions posted so far. The function may queue submissions.
  template <typename Function>
  unsigned for_each_completion(Function function) {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      function(*cqe);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    return count;
  }

  io_uring& raw() noexcept { return ring_; }
  /// System calls since this was last asked.
  std::uint64_t take_enters() noexcept { return std::exchange(enters_, 0); }

 private:
  void cancel_everything() noexcept;

  io_uring ring_{};
  bool started_ = false;
  std::uint64_t enters_ = 0;
};

/// A group of receive slots that the kernel picks from. A slot is the kernel's until a completion names it,
/// then ours until give_back(). Must outlive the ring it is registered with.
class ProvidedBuffers {
 public:
  /// `count` is rounded up to a power of two. Throws std::system_error.
  ProvidedBuffers(std::uint16_t group, std::size_t count);
  ProvidedBuffers(const ProvidedBuffers&) = delete;
  ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;
  ~ProvidedBuffers();

  /// Throws std::system_error. All slots are the kernel's from here on.
  void register_with(UringRing& ring);

  std::uint16_t group() const noexcept { return group_; }
  std::size_t count() const noexcept { return slab_.count(); }
  std::span<std::byte, kSlotSize> slot(std::uint16_t id) const noexcept { return slab_.slot(id); }

  /// Slots that completions named are free again. From now on `offered` of all slots, counting those that are
  /// still ours, go round between the kernel and us; the others rest.
  void give_back(std::span<const std::uint16_t> slots, std::size_t offered) noexcept;

 private:
  std::uint16_t group_;
  Slab slab_;
  std::size_t going_round_;
  std::vector<std::uint16_t> resting_;
  io_uring_buf_ring* ring_ = nullptr;  // page-aligned, shared with the kernel
  std::size_t ring_bytes_;
};

}  // namespace vpnd::tunio
