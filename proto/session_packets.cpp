// Packets in and out: whose they are, under which key, and their wrapping.

#include <algorithm>
#include <utility>

#include "crypto/tls_crypt_v2.hpp"
#include "proto/session_core.hpp"

namespace vpnd::proto {

namespace {

// Taken off max_packet_size: the larger of the two IP headers, so that the limit holds over both, and UDP's.
constexpr std::size_t kIpv6UdpHeaderSize = 40 + 8;

// A smaller payload than this would only multiply the packets; max_packet_size gives way.
constexpr std::size_t kMinPayloadSize = 64;

// The body of a packet with a full set of acks, without its payload.
constexpr std::size_t kBodyOverhead = 1 + 4 * AckQueue::kMaxInControl + kSessionIdSize + 4;

bool answers_to(crypto::Role role, Opcode opcode) {
  switch (opcode) {
    case Opcode::control_soft_reset_v1:
    case Opcode::control_v1:
    case Opcode::ack_v1:
      return true;
    case Opcode::control_hard_reset_client_v2:
    case Opcode::control_hard_reset_client_v3:
    case Opcode::control_wkc_v1:
      return role == crypto::Role::server;
    case Opcode::control_hard_reset_server_v2:
      return role == crypto::Role::client;
    case Opcode::data_v1:
    case Opcode::data_v2:
      return false;
  }
  return false;
}

}  // namespace

// Every check that needs no key comes before the unwrapping, every one that trusts a field after it.
DropReason Session::Core::receive(std::span<const std::byte> packet, Now now) {
  if (dead_) return DropReason::not_established;
  const auto [malformed, header] = parse_control_header(packet);
  if (malformed != DropReason::none) return malformed;
  if (!answers_to(config_.role, header.opcode)) return DropReason::unknown_opcode;
  if (const DropReason drop = judge_sender(header); drop != DropReason::none) return drop;

  if (carries_wrapped_client_key(header.opcode)) {
    // The key it carries is the one this session was made with; it is never set a second time.
    const auto split = crypto::split_wrapped_key(packet);
    if (!split) return DropReason::malformed;
    packet = split->packet;
  }
  WrapState::Scratch scratch;
  const auto [refused, rest] = wrap_for(header.key_id).open(packet, scratch, now);
  if (refused != DropReason::none) return refused;
  const auto [bad_body, body] = parse_control_body(header.opcode, rest);
  if (bad_body != DropReason::none) return bad_body;
  // Acks are addressed: those for a former session of ours must not count for this one.
  if (!body.acks.empty() && body.receiver != local_) return DropReason::session_id_mismatch;

  if (!remote_) {
    if (const DropReason drop = judge_opening(header, body); drop != DropReason::none) return drop;
    remote_ = header.sender;
    if (!newest_) open_key(newest_, {KeyId{0}, KeyOrigin::handshake, KeyOpening::server_reset}, now.steady);
  }
  if (!find_key(header.key_id) || restarts_failed_key(header)) {
    const DropReason drop = judge_soft_reset(header, body, now);
    const bool too_soon = drop == DropReason::rate_limited || drop == DropReason::not_established;
    if (too_soon && config_.transport == Transport::stream) {
      put_off_ = header.key_id;
      return DropReason::none;
    }
    if (drop != DropReason::none) return drop;
    begin_rekey(header.key_id, now);
  }
  const DropReason drop = find_key(header.key_id)->state.receive(header.opcode, body, now.steady);
  if (drop == DropReason::none) pump(now);
  return drop;
}

// What the readable header says: the right peer, and no hard reset but that of the first key.
DropReason Session::Core::judge_sender(const ControlHeader& header) {
  if (is_hard_reset(header.opcode) && header.key_id != KeyId{0}) return DropReason::key_ids_out_of_sync;
  if (!remote_ || header.sender == *remote_) return DropReason::none;
  if (config_.role == crypto::Role::server && is_hard_reset(header.opcode) && !peer_reset_reported_ &&
      !events_full()) {
    peer_reset_reported_ = true;
    report(PeerReset{});
  }
  return DropReason::session_id_mismatch;
}

// The first packet of the peer decides its session id. A client believes it only with an acknowledgement of
// its own reset: whoever cannot read what we send cannot know our id.
DropReason Session::Core::judge_opening(const ControlHeader& header, const ControlBody& body) {
  if (!is_hard_reset(header.opcode)) return DropReason::not_established;
  if (body.message_id != MessageId{0}) return DropReason::malformed;
  if (config_.role == crypto::Role::client &&
      std::find(body.acks.begin(), body.acks.end(), MessageId{0}) == body.acks.end()) {
    return DropReason::session_id_mismatch;
  }
  return DropReason::none;
}

// A packet of a key that is not known can only be the peer's wish for a new one (docs/protocol.md §12).
DropReason Session::Core::judge_soft_reset(const ControlHeader& header, const ControlBody& body, Now now) {
  if (header.opcode != Opcode::control_soft_reset_v1) return DropReason::key_ids_out_of_sync;
  if (body.message_id != MessageId{0}) return DropReason::malformed;
  if (!may_start_rekey()) return DropReason::not_established;
  if (header.key_id != next_key_id(newest_->state.id()) && !restarts_failed_key(header)) {
    return DropReason::key_ids_out_of_sync;
  }
  // Each rekey costs a TLS handshake. Over datagrams the peer repeats a reset that came too soon; over a
  // stream nobody has to, so receive() remembers it.
  if (last_rekey_ && now.steady < *last_rekey_ + config_.timers.rekey_spacing)
    return DropReason::rate_limited;
  return DropReason::none;
}

// Who tries a failed rekey again does so under the same id, for the other side may never have heard of the
// first try.
bool Session::Core::restarts_failed_key(const ControlHeader& header) const {
  return header.opcode == Opcode::control_soft_reset_v1 && newest_ &&
         newest_->state.stage() == KeyStage::failed && newest_->state.id() == header.key_id;
}

Session::Core::Key* Session::Core::find_key(KeyId id) {
  if (newest_ && newest_->state.id() == id) return newest_.get();
  if (previous_ && previous_->state.id() == id) return previous_.get();
  return nullptr;
}

bool Session::Core::next_packet(std::vector<std::byte>& out, Now now) {
  if (newest_ && next_packet_of(*newest_, out, now)) return true;
  return previous_ && next_packet_of(*previous_, out, now);
}

bool Session::Core::next_packet_of(Key& key, std::vector<std::byte>& out, Now now) {
  auto packet = key.state.next_packet(now.steady);
  if (!packet) return false;
  if (remote_) packet->body.receiver = *remote_;
  const KeyId id = key.state.id();
  if (!wrap_for(id).wrap({packet->opcode, id, local_}, packet->body, now, out)) {
    die("the packet ids of the control channel are used up");
    return false;
  }
  if (carries_wrapped_client_key(packet->opcode)) {
    out.insert(out.end(), config_.wkc.begin(), config_.wkc.end());
  }
  return true;
}

void Session::Core::set_payload_limits(KeyState& key) {
  const std::size_t overhead = kIpv6UdpHeaderSize + wrap_for(key.id()).overhead() + kBodyOverhead;
  const std::size_t room = config_.max_packet_size - std::min(config_.max_packet_size, overhead);
  const std::size_t with_wkc = room - std::min(room, config_.wkc.size());
  // Without room beside the WKc that packet goes without payload; the next ones carry it all.
  key.set_payload_limits(std::max(room, kMinPayloadSize), with_wkc);
}

}  // namespace vpnd::proto
