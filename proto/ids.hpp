// The numbers of the protocol, each a type of its own so that none can stand in for another.

#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace vpnd::proto {

// A client's number on a server, in every DATA_V2 packet. 24 bits on the wire.
struct PeerId {
  std::uint32_t value = 0;
  auto operator<=>(const PeerId&) const = default;
};
inline constexpr PeerId kNoPeer{0xFFFFFF};  // "peer ids are disabled"; never a client's number

// Which of a session's keys a packet belongs to: 0 for the first, then 1 to 7 in turn.
struct KeyId {
  std::uint8_t value = 0;
  auto operator<=>(const KeyId&) const = default;
};
inline constexpr std::uint8_t kMaxKeyId = 7;

constexpr KeyId next_key_id(KeyId current) {
  return KeyId{current.value == kMaxKeyId ? std::uint8_t{1} : static_cast<std::uint8_t>(current.value + 1)};
}

// One of the parallel lanes of a session on the batch channel (docs/protocol.md §19).
struct LaneNumber {
  std::uint8_t value = 0;
  auto operator<=>(const LaneNumber&) const = default;
};
inline constexpr std::size_t kMaxLanes = 16;

// A lane is a peer id: lane n of a session has the nth after the session's own.
constexpr PeerId lane_peer_id(PeerId session, LaneNumber lane) {
  return PeerId{session.value + lane.value};
}

// One side's name for a session: eight random bytes, not all zero.
struct SessionId {
  std::array<std::byte, 8> bytes{};
  auto operator<=>(const SessionId&) const = default;
  constexpr bool is_zero() const { return *this == SessionId{}; }
};
inline constexpr std::size_t kSessionIdSize = sizeof(SessionId::bytes);

// The place of a control packet in its direction of one key's control channel, from 0.
struct MessageId {
  std::uint32_t value = 0;
  auto operator<=>(const MessageId&) const = default;
};

}  // namespace vpnd::proto
