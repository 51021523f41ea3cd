#include "proto/control_packet.hpp"

#include <algorithm>

#include "proto/wire.hpp"

namespace vpnd::proto {
namespace {

constexpr std::size_t kMessageIdSize = 4;

}  // namespace

ParsedControlHeader parse_control_header(std::span<const std::byte> packet) noexcept {
  if (packet.empty()) return {DropReason::too_short, {}};
  const auto first = parse_first_byte(packet[0]);
  if (!first) return {DropReason::unknown_opcode, {}};
  if (is_data(first->opcode)) return {DropReason::malformed, {}};
  if (packet.size() < kControlHeaderSize) return {DropReason::too_short, {}};

  ControlHeader header{first->opcode, first->key_id, {}};
  const auto session_id = packet.subspan(1, kSessionIdSize);
  std::copy(session_id.begin(), session_id.end(), header.sender.bytes.begin());
  if (header.sender.is_zero()) return {DropReason::malformed, {}};
  return {DropReason::none, header};
}

void format_control_header(const ControlHeader& header,
                           std::span<std::byte, kControlHeaderSize> out) noexcept {
  out[0] = format_first_byte(header.opcode, header.key_id);
  std::copy(header.sender.bytes.begin(), header.sender.bytes.end(), out.begin() + 1);
}

ParsedControlBody parse_control_body(Opcode opcode, std::span<const std::byte> bytes) noexcept {
  WireReader reader(bytes);
  ControlBody body;
  const std::size_t ack_count = reader.u8();
  if (ack_count > AckList::kCapacity) return {DropReason::malformed, {}};
  for (std::size_t i = 0; i < ack_count; ++i) body.acks.push(MessageId{reader.u32()});
  if (ack_count > 0) reader.copy_to(body.receiver.bytes);
  if (opcode != Opcode::ack_v1) body.message_id = MessageId{reader.u32()};
  if (!reader.ok()) return {DropReason::too_short, {}};
  if (opcode != Opcode::ack_v1) body.payload = reader.rest();
  return {DropReason::none, body};
}

std::size_t control_body_size(const ControlBody& body) noexcept {
  return 1 + kMessageIdSize * body.acks.size() + (body.acks.empty() ? 0 : kSessionIdSize) +
         (body.message_id ? kMessageIdSize : 0) + body.payload.size();
}

std::size_t format_control_body(const ControlBody& body, std::span<std::byte> out) noexcept {
  WireWriter writer(out);
  writer.u8(static_cast<std::uint8_t>(body.acks.size()));
  for (const MessageId id : body.acks) writer.u32(id.value);
  if (!body.acks.empty()) writer.bytes(body.receiver.bytes);
  if (body.message_id) writer.u32(body.message_id->value);
  writer.bytes(body.payload);
  return writer.ok() ? writer.size() : 0;
}

}  // namespace vpnd::proto
