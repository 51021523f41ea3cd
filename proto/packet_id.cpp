#include "proto/packet_id.hpp"

#include <limits>

namespace vpnd::proto {

std::optional<ControlPacketId> ControlPacketIdCounter::next(Now now) noexcept {
  if (last_.id == std::numeric_limits<std::uint32_t>::max()) {
    if (now.unix_seconds <= last_.time) return std::nullopt;
    last_ = {};
  }
  if (last_.id == 0) last_.time = now.unix_seconds;
  ++last_.id;
  return last_;
}

DropReason ControlReplayWindow::accept(ControlPacketId packet, Now now) noexcept {
  if (packet.id == 0) return DropReason::malformed;
  if (packet.time < time_) return DropReason::control_replayed;
  if (packet.time > time_) {
    *this = {};
    time_ = packet.time;
  }

  if (packet.id > highest_) {
    highest_ = packet.id;
  } else {
    if (highest_ - packet.id >= kSize) return DropReason::control_replayed;
    if (arrivals_[packet.id % kSize].id == packet.id) return DropReason::control_replayed;
    if (overtaken(packet.id, now.steady)) return DropReason::control_replayed;
  }
  arrivals_[packet.id % kSize] = {packet.id, now.steady};
  return DropReason::none;
}

// Whether a later id arrived so long ago that this one is no longer believed to be merely late.
bool ControlReplayWindow::overtaken(std::uint32_t id, TimePoint now) const noexcept {
  for (const Arrival& arrival : arrivals_) {
    if (arrival.id > id && now - arrival.at > kBacktrack) return true;
  }
  return false;
}

}  // namespace vpnd::proto
