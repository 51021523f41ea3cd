// How workers hand over to each other what one read and another owns: a ring per pair, and a bell per worker.
//
//      worker 0 ──ring──► worker 1          a worker writes to its rings while it goes through a turn's
//          ▲ ╲            ▲  │              arrivals, publishes them once at the end of the turn, and rings
//          │   ╲──ring──╱────┼──► worker 2  the bell of those who have not been rung since they last found
//          └───── ring ──────┘     …        nothing
//
// Who was rung goes on looking at its rings at every turn, without sleeping, until it finds them empty; then
// it clears the bell and looks once more. So under load nobody is woken at all, and nothing is left lying:
// who publishes either sees the bell cleared, and rings, or is seen by that last look.

#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "proto/drop_reason.hpp"
#include "tunio/batch_io.hpp"
#include "vpnd/dataplane/handover_ring.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"

namespace vpnd::dataplane {

/// The rings and bells of all workers of a data plane. Made before the workers, and shared by them.
class Handover {
 public:
  explicit Handover(std::size_t workers);

 private:
  friend class HandoverPort;

  // `io` is set by the worker before it answers its maker, hence before anybody is told to hand it anything.
  struct alignas(64) Bell {
    std::atomic<bool> rung{false};
    tunio::BatchIo* io = nullptr;
  };

  HandoverRing& ring(WorkerId from, WorkerId to) noexcept {
    return *rings_[from.value * bells_.size() + to.value];
  }

  std::vector<Bell> bells_;
  std::vector<std::unique_ptr<HandoverRing>> rings_;  // by writer, then reader; none from a worker to itself
};

/// One worker's place at the rings. Belongs to its thread; nothing here allocates, waits or locks.
class HandoverPort {
 public:
  /// Of a worker that is alone.
  HandoverPort() = default;
  HandoverPort(std::shared_ptr<Handover> handover, WorkerId own, tunio::BatchIo& io);

  /// Copies the bytes for another worker, who gets them with publish(). `handover_full` if it is so far
  /// behind that its ring is full.
  [[nodiscard]] proto::DropReason give(WorkerId to, const HandoverNote& note,
                                       std::span<const std::byte> bytes) noexcept;
  /// At the end of a turn: shows to the others what was given, and wakes whom that finds asleep.
  void publish() noexcept;

  /// Calls `visit` with everything that the others have published. The bytes are valid until release().
  template <typename Visitor>
  void take(Visitor&& visit) noexcept;
  void release() noexcept;
  /// The next turn must look again, without waiting.
  [[nodiscard]] bool expects_more() const noexcept {
    return handover_ != nullptr && bell().rung.load(std::memory_order_relaxed);
  }

  /// Records given so far.
  [[nodiscard]] const Counter& given() const noexcept { return given_; }

 private:
  [[nodiscard]] Handover::Bell& bell() const noexcept { return handover_->bells_[own_.value]; }
  template <typename Visitor>
  bool take_from_all(Visitor& visit) noexcept;

  std::shared_ptr<Handover> handover_;
  WorkerId own_;
  std::vector<WorkerId> others_;
  Counter given_;
};

template <typename Visitor>
void HandoverPort::take(Visitor&& visit) noexcept {
  if (handover_ == nullptr || !bell().rung.load(std::memory_order_acquire)) return;
  if (take_from_all(visit)) return;
  bell().rung.exchange(false, std::memory_order_acq_rel);
  take_from_all(visit);
}

template <typename Visitor>
bool HandoverPort::take_from_all(Visitor& visit) noexcept {
  bool any = false;
  for (const WorkerId from : others_) {
    HandoverRing& ring = handover_->ring(from, own_);
    while (const auto record = ring.read()) {
      visit(*record);
      any = true;
    }
  }
  return any;
}

}  // namespace vpnd::dataplane
