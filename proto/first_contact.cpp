#include "proto/first_contact.hpp"

#include <algorithm>

#include "proto/session.hpp"
#include "proto/wire.hpp"
#include "proto/wrap_state.hpp"

namespace vpnd::proto {
namespace {

// A client that can send its wrapped key again says so by the top byte of its reset's packet id
// (docs/protocol.md §4).
constexpr std::uint32_t kEarlyNegotiationMask = 0xFF000000;
constexpr std::uint32_t kEarlyNegotiation = 0x0F000000;

// The one TLV there is: type 1, length 2, flag 1 = "send the wrapped key again".
constexpr std::array<std::byte, 6> kResendWrappedKey{std::byte{0}, std::byte{1}, std::byte{0},
                                                     std::byte{2}, std::byte{0}, std::byte{1}};

constexpr std::uint32_t kFirstPacketId = 1;
constexpr MessageId kLastMessageOfContact{1};  // 0 is the reset, 1 what proves the cookie

bool is_client_reset(Opcode opcode) {
  return opcode == Opcode::control_hard_reset_client_v2 || opcode == Opcode::control_hard_reset_client_v3;
}

// The only packets with which a client may appear out of nothing.
DropReason check_opening(const ParsedControlHeader& parsed) {
  if (parsed.drop != DropReason::none) return parsed.drop;
  if (parsed.header.key_id != KeyId{0}) return DropReason::unknown_peer;
  switch (parsed.header.opcode) {
    case Opcode::control_hard_reset_client_v2:
    case Opcode::control_hard_reset_client_v3:
    case Opcode::control_v1:
    case Opcode::ack_v1:
    case Opcode::control_wkc_v1:
      return DropReason::none;
    case Opcode::control_soft_reset_v1:
    case Opcode::control_hard_reset_server_v2:
    case Opcode::data_v1:
    case Opcode::data_v2:
      return DropReason::unknown_peer;
  }
  return DropReason::unknown_opcode;
}

bool acknowledges_only_the_reset(const ControlBody& body) {
  const auto too_late = [](MessageId id) { return id > kLastMessageOfContact; };
  return !body.acks.empty() && std::none_of(body.acks.begin(), body.acks.end(), too_late) &&
         !(body.message_id && too_late(*body.message_id));
}

bool can_send_its_key_again(const crypto::ControlHeader& wrapping) {
  return (wrapping.packet_id & kEarlyNegotiationMask) == kEarlyNegotiation;
}

}  // namespace

FirstContact::FirstContact(FirstContactSettings settings)
    : settings_(std::move(settings)),
      cookie_(settings_.hand_window),
      initial_limit_(settings_.initial_limit),
      session_limit_(settings_.session_limit) {}

FirstContactVerdict FirstContact::judge(std::span<const std::byte> packet,
                                        std::span<const std::byte> client_address,
                                        std::span<std::byte, kMaxResetReplySize> reply, Now now) {
  const auto parsed = parse_control_header(packet);
  if (const DropReason drop = check_opening(parsed); drop != DropReason::none) return drop;
  // The limit is asked before the work and charged after it: neither does a flood cost cryptography for long,
  // nor can it use up the limit without being able to authenticate.
  const bool reset = is_client_reset(parsed.header.opcode);
  if (reset && !initial_limit_.has_room(now)) return DropReason::rate_limited;

  Opened opened = open(packet);
  if (opened.drop != DropReason::none) return opened.drop;
  return reset ? answer_reset(opened, client_address, reply, now) : check_cookie(opened, client_address, now);
}

FirstContactVerdict FirstContact::judge_stream(std::span<const std::byte> packet, Now now) {
  const auto parsed = parse_control_header(packet);
  if (const DropReason drop = check_opening(parsed); drop != DropReason::none) return drop;
  if (!is_client_reset(parsed.header.opcode)) return DropReason::unknown_peer;
  if (!initial_limit_.has_room(now)) return DropReason::rate_limited;

  Opened opened = open(packet);
  if (opened.drop != DropReason::none) return opened.drop;
  return start_from_reset(opened, now);
}

FirstContact::Opened FirstContact::refused(DropReason reason) {
  Opened opened;
  opened.drop = reason;
  return opened;
}

// Unwraps with the key that the opcode calls for. No replay check: there is nothing yet to check against.
FirstContact::Opened FirstContact::open(std::span<const std::byte> packet) {
  Opened opened;
  opened.header = parse_control_header(packet).header;
  if (carries_wrapped_client_key(opened.header.opcode)) {
    const auto split = crypto::split_wrapped_key(packet);
    if (!settings_.tls_crypt_v2 || !split) return refused(DropReason::bad_tls_crypt_v2_key);
    auto key = settings_.tls_crypt_v2->unwrap(split->wrapped);
    if (!key) return refused(DropReason::bad_tls_crypt_v2_key);
    opened.wrap = crypto::ControlWrap::tls_crypt(key->key, crypto::Role::server);
    opened.client_key = std::move(key->key);
    opened.metadata = std::move(key->metadata);
    packet = split->packet;
  } else {
    const bool v2_only = settings_.tls_crypt_v2 && settings_.wrap.kind() == crypto::ControlWrap::Kind::plain;
    if (v2_only) return refused(DropReason::bad_wrap);
    opened.wrap = settings_.wrap;
  }

  const auto unwrapped = opened.wrap.unwrap(packet, scratch_);
  opened.drop = drop_reason(unwrapped.result);
  if (opened.drop != DropReason::none) return opened;
  opened.wrapping = unwrapped.header;
  const auto parsed = parse_control_body(opened.header.opcode, unwrapped.rest);
  opened.drop = parsed.drop;
  opened.body = parsed.body;
  const bool bogus_reset = is_client_reset(opened.header.opcode) && opened.body.message_id != MessageId{0};
  if (opened.drop == DropReason::none && bogus_reset) opened.drop = DropReason::malformed;
  return opened;
}

FirstContactVerdict FirstContact::answer_reset(Opened& opened, std::span<const std::byte> client_address,
                                               std::span<std::byte, kMaxResetReplySize> reply, Now now) {
  const bool v2 = opened.header.opcode == Opcode::control_hard_reset_client_v3;
  if (v2 && !can_send_its_key_again(opened.wrapping)) {
    if (settings_.old_clients == OldTlsCryptV2Clients::refuse) return DropReason::bad_cookie;
    return start_from_reset(opened, now);
  }
  if (!initial_limit_.take(now)) return DropReason::rate_limited;

  ControlBody body;
  body.acks.push(MessageId{0});
  body.receiver = opened.header.sender;
  body.message_id = MessageId{0};
  if (v2) body.payload = kResendWrappedKey;  // never for others: stock 2.4 and 2.5 would feed it to TLS
  std::array<std::byte, kMaxResetReplySize> rest;
  const std::size_t rest_size = format_control_body(body, rest);

  const SessionId cookie = cookie_.make(client_address, opened.header.sender, now);
  const crypto::ControlHeader wrapping{format_first_byte(Opcode::control_hard_reset_server_v2, KeyId{0}),
                                       cookie.bytes, kFirstPacketId, now.unix_seconds};
  return ResetReply{opened.wrap.wrap(wrapping, std::span(rest).first(rest_size), reply)};
}

FirstContactVerdict FirstContact::check_cookie(Opened& opened, std::span<const std::byte> client_address,
                                               Now now) {
  const ControlBody& body = opened.body;
  if (!acknowledges_only_the_reset(body)) return DropReason::unknown_peer;
  if (!cookie_.proves(body.receiver, client_address, opened.header.sender, now))
    return DropReason::bad_cookie;
  if (!session_limit_.take(now)) return DropReason::rate_limited;
  return NewSession{NewSession::Start::after_cookie,
                    body.receiver,
                    opened.header.sender,
                    std::move(opened.wrap),
                    std::move(opened.client_key),
                    std::move(opened.metadata)};
}

FirstContactVerdict FirstContact::start_from_reset(Opened& opened, Now now) {
  if (!initial_limit_.take(now) || !session_limit_.take(now)) return DropReason::rate_limited;
  return NewSession{NewSession::Start::from_client_reset,
                    random_session_id(),
                    opened.header.sender,
                    std::move(opened.wrap),
                    std::move(opened.client_key),
                    std::move(opened.metadata)};
}

}  // namespace vpnd::proto
