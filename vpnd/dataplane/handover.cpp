#include "vpnd/dataplane/handover.hpp"

#include <algorithm>

namespace vpnd::dataplane {

namespace {

// A ring holds what its reader may find after the scheduler kept it from running for some milliseconds. All
// of them together stay within a bound that a small machine has, except for 1 MiB each.
constexpr std::size_t kLargestRing = std::size_t{4} << 20;
constexpr std::size_t kSmallestRing = std::size_t{1} << 20;
constexpr std::size_t kAllRings = std::size_t{64} << 20;

std::size_t ring_bytes(std::size_t workers) {
  return std::clamp(kAllRings / (workers * (workers - 1)), kSmallestRing, kLargestRing);
}

}  // namespace

Handover::Handover(std::size_t workers) : bells_(workers), rings_(workers * workers) {
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    if (i / workers != i % workers) rings_[i] = std::make_unique<HandoverRing>(ring_bytes(workers));
  }
}

HandoverPort::HandoverPort(std::shared_ptr<Handover> handover, WorkerId own, tunio::BatchIo& io)
    : handover_(std::move(handover)), own_(own) {
  if (handover_ == nullptr) return;
  bell().io = &io;
  for (std::uint32_t worker = 0; worker < handover_->bells_.size(); ++worker) {
    if (worker != own_.value) others_.push_back({worker});
  }
}

proto::DropReason HandoverPort::give(WorkerId to, const HandoverNote& note,
                                     std::span<const std::byte> bytes) noexcept {
  if (!handover_->ring(own_, to).write(note, bytes)) return proto::DropReason::handover_full;
  given_.add(1);
  return proto::DropReason::none;
}

void HandoverPort::publish() noexcept {
  for (const WorkerId to : others_) {
    if (!handover_->ring(own_, to).publish()) continue;
    Handover::Bell& bell = handover_->bells_[to.value];
    if (!bell.rung.exchange(true, std::memory_order_acq_rel)) bell.io->wake();
  }
}

void HandoverPort::release() noexcept {
  for (const WorkerId from : others_) handover_->ring(from, own_).release();
}

}  // namespace vpnd::dataplane
