// The first byte of every packet, and the header of a data packet.
//
//   0               1               2               3
//  +---------+-----+
//  | opcode  | key |                                      every packet: 5 bits, 3 bits
//  +---------+-----+-----------------------------------+
//  | 9       | key |  peer id (24)                     |  DATA_V2; DATA_V1 has no peer id
//  +---------+-----+-----------------------------------+

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"

namespace vpnd::proto {

// docs/protocol.md §1. 1 and 2 belonged to an obsolete key method and are refused.
enum class Opcode : std::uint8_t {
  control_soft_reset_v1 = 3,
  control_v1 = 4,
  ack_v1 = 5,
  data_v1 = 6,
  control_hard_reset_client_v2 = 7,
  control_hard_reset_server_v2 = 8,
  data_v2 = 9,
  control_hard_reset_client_v3 = 10,
  control_wkc_v1 = 11,
};

constexpr bool is_data(Opcode opcode) {
  return opcode == Opcode::data_v1 || opcode == Opcode::data_v2;
}

constexpr bool is_hard_reset(Opcode opcode) {
  return opcode == Opcode::control_hard_reset_client_v2 || opcode == Opcode::control_hard_reset_server_v2 ||
         opcode == Opcode::control_hard_reset_client_v3;
}

// A client key wrapped for the server (WKc) stands at the end of the packet.
constexpr bool carries_wrapped_client_key(Opcode opcode) {
  return opcode == Opcode::control_hard_reset_client_v3 || opcode == Opcode::control_wkc_v1;
}

struct FirstByte {
  Opcode opcode;
  KeyId key_id;
};

// Empty for an opcode outside the legal range.
constexpr std::optional<FirstByte> parse_first_byte(std::byte byte) noexcept {
  const auto value = std::to_integer<unsigned>(byte);
  const unsigned opcode = value >> 3;
  if (opcode < 3 || opcode > 11) return std::nullopt;
  return FirstByte{static_cast<Opcode>(opcode), KeyId{static_cast<std::uint8_t>(value & 7)}};
}

constexpr std::byte format_first_byte(Opcode opcode, KeyId key_id) noexcept {
  return static_cast<std::byte>(static_cast<unsigned>(opcode) << 3 | (key_id.value & 7U));
}

inline constexpr std::size_t kDataV1HeaderSize = 1;
inline constexpr std::size_t kDataV2HeaderSize = 4;

struct DataHeader {
  KeyId key_id;
  PeerId peer_id;    // kNoPeer in DATA_V1
  std::size_t size;  // of the header itself: kDataV1HeaderSize or kDataV2HeaderSize
};

struct [[nodiscard]] ParsedDataHeader {
  DropReason drop;  // none, too_short, unknown_opcode; malformed if it is no data packet
  DataHeader header;
};

ParsedDataHeader parse_data_header(std::span<const std::byte> packet) noexcept;

// Writes header.size bytes at `out`: DATA_V2 when the size is kDataV2HeaderSize, else DATA_V1.
void format_data_header(const DataHeader& header, std::byte* out) noexcept;

}  // namespace vpnd::proto
