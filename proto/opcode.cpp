#include "proto/opcode.hpp"

#include "proto/wire.hpp"

namespace vpnd::proto {

ParsedDataHeader parse_data_header(std::span<const std::byte> packet) noexcept {
  if (packet.empty()) return {DropReason::too_short, {}};
  const auto first = parse_first_byte(packet[0]);
  if (!first) return {DropReason::unknown_opcode, {}};
  if (first->opcode == Opcode::data_v1) {
    return {DropReason::none, {first->key_id, kNoPeer, kDataV1HeaderSize}};
  }
  if (first->opcode != Opcode::data_v2) return {DropReason::malformed, {}};

  WireReader reader(packet);
  const PeerId peer_id{reader.u32() & 0xFFFFFF};
  if (!reader.ok()) return {DropReason::too_short, {}};
  return {DropReason::none, {first->key_id, peer_id, kDataV2HeaderSize}};
}

void format_data_header(const DataHeader& header, std::byte* out) noexcept {
  if (header.size == kDataV1HeaderSize) {
    *out = format_first_byte(Opcode::data_v1, header.key_id);
    return;
  }
  const auto first = std::to_integer<std::uint32_t>(format_first_byte(Opcode::data_v2, header.key_id));
  WireWriter(std::span(out, kDataV2HeaderSize)).u32(first << 24 | (header.peer_id.value & 0xFFFFFF));
}

}  // namespace vpnd::proto
