#include "proto/wrap_state.hpp"

#include <utility>

namespace vpnd::proto {

DropReason drop_reason(crypto::UnwrapResult result) {
  switch (result) {
    case crypto::UnwrapResult::ok:
      return DropReason::none;
    case crypto::UnwrapResult::too_short:
      return DropReason::too_short;
    case crypto::UnwrapResult::bad_tag:
      return DropReason::bad_wrap;
    case crypto::UnwrapResult::scratch_too_small:
      return DropReason::too_big;
  }
  return DropReason::bad_wrap;
}

WrapState::WrapState(crypto::ControlWrap wrap, ControlPacketIdCounter counter)
    : wrap_(std::move(wrap)), sent_(counter) {}

WrapState::Opened WrapState::open(std::span<const std::byte> packet, Scratch& scratch, Now now) {
  if (packet.size() > kMaxPacketSize) return {DropReason::too_big, {}};
  const crypto::Unwrapped unwrapped = wrap_.unwrap(packet, scratch);
  if (unwrapped.result != crypto::UnwrapResult::ok) return {drop_reason(unwrapped.result), {}};
  if (!wrap_.has_packet_id()) return {DropReason::none, unwrapped.rest};
  const ControlPacketId id{unwrapped.header.packet_id, unwrapped.header.unix_seconds};
  return {received_.accept(id, now), unwrapped.rest};
}

bool WrapState::wrap(const ControlHeader& header, const ControlBody& body, Now now,
                     std::vector<std::byte>& out) {
  std::array<std::byte, kMaxPacketSize> rest;
  const std::size_t rest_size = format_control_body(body, rest);
  if (rest_size == 0) return false;

  crypto::ControlHeader wrapped{format_first_byte(header.opcode, header.key_id), header.sender.bytes, 0, 0};
  if (wrap_.has_packet_id()) {
    const auto id = sent_.next(now);
    if (!id) return false;
    wrapped.packet_id = id->id;
    wrapped.unix_seconds = id->time;
  }
  wrap_.wrap(wrapped, std::span(rest).first(rest_size), out);
  return true;
}

}  // namespace vpnd::proto
