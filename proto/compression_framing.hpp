// The framing that compression options put around a payload before it is sealed (docs/protocol.md §9,
// "Compression framing"). vpnd neither compresses nor decompresses; it speaks the framings so that peers
// which insist on one can be reached.
//
//   none       PAYLOAD
//   comp_lzo   FA PAYLOAD
//   swap       FB PAYLOAD[1..] PAYLOAD[0]
//   stub_v2    PAYLOAD              (a payload beginning with 50 would be escaped; no IP packet does)
//
// The special payloads that are not IP packets are recognised here too: they are framed like any other.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/drop_reason.hpp"

namespace vpnd::proto {

enum class CompressionFraming : std::uint8_t { none, comp_lzo, swap, stub_v2 };

// Bytes that the framing puts before and behind a payload.
constexpr std::size_t framing_prefix_size(CompressionFraming framing) noexcept {
  return framing == CompressionFraming::comp_lzo ? 1 : 0;
}
constexpr std::size_t framing_suffix_size(CompressionFraming framing) noexcept {
  return framing == CompressionFraming::swap ? 1 : 0;
}
constexpr std::size_t framing_size(CompressionFraming framing) noexcept {
  return framing_prefix_size(framing) + framing_suffix_size(framing);
}

// Frames a payload in place. It stands at frame[framing_prefix_size()], is not empty and does not begin with
// 0x50; `frame` has the size of the payload plus framing_size(), and all of it is what must be sealed.
void apply_framing(CompressionFraming framing, std::span<std::byte> frame) noexcept;

struct [[nodiscard]] StrippedFrame {
  DropReason drop;               // none, compressed, or malformed
  std::span<std::byte> payload;  // inside the frame, not empty
};

// Takes the framing off what was opened, in place.
StrippedFrame strip_framing(CompressionFraming framing, std::span<std::byte> frame) noexcept;

// The payload of a keepalive (docs/protocol.md §9, "Special payloads").
inline constexpr std::array<std::byte, 16> kPingPayload = {
    std::byte{0x2a}, std::byte{0x18}, std::byte{0x7b}, std::byte{0xf3}, std::byte{0x64}, std::byte{0x1e},
    std::byte{0xb4}, std::byte{0xcb}, std::byte{0x07}, std::byte{0xed}, std::byte{0x2d}, std::byte{0x0a},
    std::byte{0x98}, std::byte{0x1f}, std::byte{0xc7}, std::byte{0x48}};

// Goes before the operation of an OCC message.
inline constexpr std::array<std::byte, 16> kOccMagic = {
    std::byte{0x28}, std::byte{0x7f}, std::byte{0x34}, std::byte{0x6b}, std::byte{0xd4}, std::byte{0xef},
    std::byte{0x7a}, std::byte{0x81}, std::byte{0x2d}, std::byte{0x56}, std::byte{0xb8}, std::byte{0xd3},
    std::byte{0xaf}, std::byte{0xc5}, std::byte{0x45}, std::byte{0x9c}};
inline constexpr std::uint8_t kOccExit = 6;  // the peer leaves

bool is_ping(std::span<const std::byte> payload) noexcept;

// The operation of an OCC message; empty if the payload is none.
std::optional<std::uint8_t> occ_op(std::span<const std::byte> payload) noexcept;

}  // namespace vpnd::proto
