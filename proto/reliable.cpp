#include "proto/reliable.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace vpnd::proto {

namespace {

// Message ids count from 0 under each key and are compared on the circle, so that no arithmetic on them can
// overflow.
constexpr std::uint32_t distance(MessageId from, MessageId to) {
  return to.value - from.value;
}
constexpr bool precedes(MessageId a, MessageId b) {
  return distance(a, b) - 1 < 0x7FFFFFFFU;
}
constexpr MessageId after(MessageId id) {
  return MessageId{id.value + 1};
}

}  // namespace

SendWindow::SendWindow(Retransmit retransmit, std::chrono::seconds first_timeout, MessageId first)
    : retransmit_(retransmit), first_timeout_(first_timeout), oldest_(first), next_(first) {}

void SendWindow::set_limit(std::size_t limit) {
  limit_ = std::clamp<std::size_t>(limit, 1, kCapacity);
}

bool SendWindow::has_room() const {
  // It is the distance from the oldest that counts, not the number: the peer cannot store beyond its own
  // window.
  return distance(oldest_, next_) < limit_;
}

MessageId SendWindow::push(Opcode opcode, std::span<const std::byte> payload) {
  assert(has_room());
  Entry& slot = entry(next_);
  slot.in_use = true;
  slot.sent = false;
  slot.id = next_;
  slot.opcode = opcode;
  slot.due = TimePoint::min();
  slot.timeout = first_timeout_;
  slot.later_acks = 0;
  slot.payload.assign(payload.begin(), payload.end());
  ++in_flight_;
  next_ = after(next_);
  return slot.id;
}

void SendWindow::stop_repeating() {
  retransmit_ = Retransmit::never;
  for (Entry& slot : entries_) {
    if (slot.sent) slot.due = TimePoint::max();
  }
}

void SendWindow::acknowledge(const AckList& acks, TimePoint now) {
  for (const MessageId id : acks) acknowledge_one(id, now);
  while (oldest_ != next_ && !entry(oldest_).in_use) oldest_ = after(oldest_);
}

void SendWindow::acknowledge_one(MessageId id, TimePoint now) {
  Entry& acked = entry(id);
  // A message that was never sent cannot have arrived: such an id is a lie or left over from another key.
  if (!acked.in_use || !acked.sent || acked.id != id) return;
  acked.in_use = false;
  acked.payload = {};  // gives the memory back: an idle session is to be small
  --in_flight_;
  if (retransmit_ == Retransmit::never) return;
  for (Entry& earlier : entries_) {
    if (!earlier.in_use || !earlier.sent || !precedes(earlier.id, id)) continue;
    if (++earlier.later_acks < kFastRetransmitAcks) continue;
    earlier.later_acks = 0;
    earlier.timeout = first_timeout_;
    earlier.due = now;
  }
}

std::optional<ControlMessagePacket> SendWindow::take_due(TimePoint now) {
  for (MessageId id = oldest_; id != next_; id = after(id)) {
    Entry& slot = entry(id);
    if (!slot.in_use || slot.due > now) continue;
    if (slot.sent) {
      ++retransmissions_;
      slot.timeout *= 2;
    }
    slot.sent = true;
    slot.due = retransmit_ == Retransmit::never ? TimePoint::max() : now + slot.timeout;
    return ControlMessagePacket{slot.id, slot.opcode, slot.payload};
  }
  return std::nullopt;
}

TimePoint SendWindow::deadline() const {
  TimePoint earliest = TimePoint::max();
  for (const Entry& slot : entries_) {
    if (slot.in_use) earliest = std::min(earliest, slot.due);
  }
  return earliest;
}

ReceiveWindow::Verdict ReceiveWindow::judge(MessageId id) const {
  if (precedes(id, next_)) return Verdict::repeated;
  if (distance(next_, id) >= kCapacity) return Verdict::beyond;
  return entries_[id.value % kSlots].in_use ? Verdict::repeated : Verdict::fresh;
}

void ReceiveWindow::store(const ControlMessagePacket& message) {
  assert(judge(message.id) == Verdict::fresh);
  Entry& slot = entries_[message.id.value % kSlots];
  slot.in_use = true;
  slot.opcode = message.opcode;
  slot.payload.assign(message.payload.begin(), message.payload.end());
}

std::optional<ReceiveWindow::Message> ReceiveWindow::take() {
  Entry& slot = entries_[next_.value % kSlots];
  if (!slot.in_use) return std::nullopt;
  Message message{next_, slot.opcode, std::exchange(slot.payload, {})};
  slot.in_use = false;
  next_ = after(next_);
  return message;
}

void AckQueue::add(MessageId id) {
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(pending_count_);
  if (pending_count_ == kCapacity || std::find(pending_.begin(), end, id) != end) return;
  pending_[pending_count_++] = id;
}

AckList AckQueue::take(std::size_t max) {
  const std::size_t fresh = std::min({max, pending_count_, AckList::kCapacity});
  for (std::size_t i = 0; i < fresh; ++i) remember(pending_[i]);
  std::copy(pending_.begin() + static_cast<std::ptrdiff_t>(fresh),
            pending_.begin() + static_cast<std::ptrdiff_t>(pending_count_), pending_.begin());
  pending_count_ -= fresh;
  AckList acks;
  for (std::size_t i = 0; i < std::min(max, recent_count_); ++i) acks.push(recent_[i]);
  return acks;
}

void AckQueue::remember(MessageId id) {
  const auto end = recent_.begin() + static_cast<std::ptrdiff_t>(recent_count_);
  auto place = std::find(recent_.begin(), end, id);
  if (place == end) {
    if (recent_count_ < recent_.size()) {
      ++recent_count_;
    } else {
      --place;  // the oldest makes room
    }
  }
  std::copy_backward(recent_.begin(), place, place + 1);
  recent_.front() = id;
}

}  // namespace vpnd::proto
