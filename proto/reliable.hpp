// The reliability layer under TLS: one set of these three for each key id (docs/protocol.md §3).
//
//   SendWindow      messages that wait for their acknowledgement, and when each is to be sent again
//   ReceiveWindow   messages that came, brought back into order
//   AckQueue        what is to be acknowledged, and what was lately
//
// All sizes are fixed: nothing a peer sends makes them grow. Not thread-safe, no I/O, no clock.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proto/control_packet.hpp"
#include "proto/ids.hpp"
#include "proto/opcode.hpp"
#include "proto/time.hpp"

namespace vpnd::proto {

// One message of the control channel: what gets a message id. The payload is borrowed; who hands it out says
// how long.
struct ControlMessagePacket {
  MessageId id;
  Opcode opcode;
  std::span<const std::byte> payload;
};

class SendWindow {
 public:
  static constexpr std::size_t kCapacity = 6;         // what peers from 2.6 on send at once
  static constexpr std::size_t kGentleLimit = 4;      // safe with the eight places of a 2.4 or 2.5 receiver
  static constexpr unsigned kFastRetransmitAcks = 3;  // acknowledgements of later messages that prove a loss

  enum class Retransmit : std::uint8_t { never, on_timeout };

  // `first_timeout` is the wait before the first repetition; each further one waits twice as long.
  SendWindow(Retransmit retransmit, std::chrono::seconds first_timeout, MessageId first);

  // How many messages may be under way: kGentleLimit until more is known about the peer.
  void set_limit(std::size_t limit);

  bool has_room() const;
  bool empty() const { return in_flight_ == 0; }
  MessageId next_id() const { return next_; }

  // Takes a message; it is due at once. Only when has_room().
  MessageId push(Opcode opcode, std::span<const std::byte> payload);

  // From now on everything is sent once at most: what was sent already is not repeated.
  void stop_repeating();

  // Forgets what has arrived. Unknown ids and repetitions are ignored.
  void acknowledge(const AckList& acks, TimePoint now);

  // The oldest message that is due, and from now on counts as sent. Its payload is valid until the next
  // acknowledge().
  std::optional<ControlMessagePacket> take_due(TimePoint now);

  // When a message is next due; TimePoint::max() when none will be.
  TimePoint deadline() const;

  std::uint64_t retransmissions() const { return retransmissions_; }

 private:
  struct Entry {
    bool in_use = false;
    bool sent = false;
    MessageId id;
    Opcode opcode{};
    TimePoint due;
    std::chrono::seconds timeout{};
    unsigned later_acks = 0;
    std::vector<std::byte> payload;
  };
  static constexpr std::size_t kSlots = 8;  // a power of two, so that places stay apart when ids start over
  Entry& entry(MessageId id) { return entries_[id.value % kSlots]; }
  void acknowledge_one(MessageId id, TimePoint now);

  Retransmit retransmit_;
  std::chrono::seconds first_timeout_;
  std::size_t limit_ = kGentleLimit;
  std::size_t in_flight_ = 0;
  MessageId oldest_;  // the oldest unacknowledged one; next_ when there is none
  MessageId next_;
  std::array<Entry, kSlots> entries_;
  std::uint64_t retransmissions_ = 0;
};

class ReceiveWindow {
 public:
  static constexpr std::size_t kCapacity = 12;

  enum class [[nodiscard]] Verdict : std::uint8_t{
      fresh,     // to be stored and acknowledged
      repeated,  // known: to be acknowledged again, not stored
      beyond,    // too far ahead: to be dropped without acknowledgement
  };

  explicit ReceiveWindow(MessageId first) : next_(first) {}

  Verdict judge(MessageId id) const;

  // Stores a copy. Only for a message judged fresh.
  void store(const ControlMessagePacket& message);

  struct Message {
    MessageId id;
    Opcode opcode;
    std::vector<std::byte> payload;
  };
  // The next message in order, if it is there.
  std::optional<Message> take();

 private:
  struct Entry {
    bool in_use = false;
    Opcode opcode{};
    std::vector<std::byte> payload;
  };

  static constexpr std::size_t kSlots = 16;  // a power of two, as in SendWindow

  MessageId next_;
  std::array<Entry, kSlots> entries_;
};

class AckQueue {
 public:
  static constexpr std::size_t kMaxInControl = 4;               // acks in a packet that carries a message
  static constexpr std::size_t kMaxInAck = AckList::kCapacity;  // acks in an ACK_V1
  static constexpr std::size_t kCapacity = ReceiveWindow::kCapacity;

  // An acknowledgement that finds no place is left out: the peer will repeat its message.
  void add(MessageId id);

  bool pending() const { return pending_count_ > 0; }

  // Up to `max` ids: those pending first, then those acknowledged lately once more, for an acknowledgement
  // may get lost like any packet and costs four bytes.
  AckList take(std::size_t max);

 private:
  void remember(MessageId id);

  std::array<MessageId, kCapacity> pending_{};
  std::size_t pending_count_ = 0;
  std::array<MessageId, AckList::kCapacity> recent_{};  // the latest first
  std::size_t recent_count_ = 0;
};

}  // namespace vpnd::proto
