// A control packet without its wrapping: the nine bytes that every wrapping leaves readable, and the body
// behind them.
//
//   header   op/key (1) | sender's session id (8)
//   body     n (1) | n × acked message id (4) | [receiver's session id (8)] | [message id (4)] | payload
//
// The receiver's session id is there if n > 0, the message id in all but ACK_V1.
// docs/protocol.md §1. Neither parsing nor formatting allocates.

#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"
#include "proto/opcode.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kControlHeaderSize = 1 + kSessionIdSize;

struct ControlHeader {
  Opcode opcode;
  KeyId key_id;
  SessionId sender;
};

struct [[nodiscard]] ParsedControlHeader {
  DropReason drop;  // none, too_short, unknown_opcode; malformed for a data packet or a session id of zeros
  ControlHeader header;
};

ParsedControlHeader parse_control_header(std::span<const std::byte> packet) noexcept;
void format_control_header(const ControlHeader& header,
                           std::span<std::byte, kControlHeaderSize> out) noexcept;

// The message ids that a packet acknowledges: at most eight, kept in place.
class AckList {
 public:
  static constexpr std::size_t kCapacity = 8;  // more in one packet is malformed

  // False, and nothing added, when the list is full.
  constexpr bool push(MessageId id) noexcept {
    if (size_ == kCapacity) return false;
    ids_[size_++] = id;
    return true;
  }

  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr const MessageId* begin() const noexcept { return ids_.data(); }
  constexpr const MessageId* end() const noexcept { return ids_.data() + size_; }
  constexpr MessageId operator[](std::size_t index) const noexcept {
    assert(index < size_);
    return ids_[index];
  }

 private:
  std::array<MessageId, kCapacity> ids_{};
  std::uint8_t size_ = 0;
};

struct ControlBody {
  AckList acks;
  SessionId receiver;                   // on the wire, and meaningful, only when there are acks
  std::optional<MessageId> message_id;  // empty exactly in ACK_V1
  std::span<const std::byte> payload;   // parsed: inside the bytes given; always empty in ACK_V1
};

struct [[nodiscard]] ParsedControlBody {
  DropReason drop;  // none, too_short, or malformed: more than eight acks
  ControlBody body;
};

// `opcode` decides whether a message id is there. The payload lies inside `bytes`. What follows the acks of
// an ACK_V1 is passed over, as in stock.
ParsedControlBody parse_control_body(Opcode opcode, std::span<const std::byte> bytes) noexcept;

std::size_t control_body_size(const ControlBody& body) noexcept;

// Returns the bytes written, 0 when `out` is smaller than control_body_size(body).
std::size_t format_control_body(const ControlBody& body, std::span<std::byte> out) noexcept;

}  // namespace vpnd::proto
