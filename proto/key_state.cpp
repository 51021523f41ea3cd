#include "proto/key_state.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "proto/reset_tlv.hpp"

namespace vpnd::proto {

namespace {

// What one TLS record may hold. Stock writes at most 2047 bytes; more is read, so that peers with long peer
// infos or tokens are understood.
constexpr std::size_t kMaxRecordSize = 8192;

// write_record() is put off while more ciphertext than this waits for the send window.
constexpr std::size_t kWriteMark = 4096;

bool is_reset(Opcode opcode) {
  return is_hard_reset(opcode) || opcode == Opcode::control_soft_reset_v1;
}

SendWindow::Retransmit retransmission(Transport transport) {
  return transport == Transport::stream ? SendWindow::Retransmit::never : SendWindow::Retransmit::on_timeout;
}

MessageId first_message(KeyOpening opening) {
  return MessageId{opening == KeyOpening::resets_are_done ? 1U : 0U};
}

std::optional<Opcode> reset_opcode(KeyOpening opening) {
  switch (opening) {
    case KeyOpening::hard_reset_v2:
      return Opcode::control_hard_reset_client_v2;
    case KeyOpening::hard_reset_v3:
      return Opcode::control_hard_reset_client_v3;
    case KeyOpening::server_reset:
      return Opcode::control_hard_reset_server_v2;
    case KeyOpening::soft_reset:
      return Opcode::control_soft_reset_v1;
    case KeyOpening::resets_are_done:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

KeyState::KeyState(const SessionConfig& config, const Setup& setup, TimePoint now)
    : config_(&config),
      id_(setup.id),
      origin_(setup.origin),
      send_(retransmission(config.transport), config.timers.tls_timeout, first_message(setup.opening)),
      received_(first_message(setup.opening)),
      opening_received_(setup.opening == KeyOpening::resets_are_done),
      created_at_(now) {
  if (const auto opcode = reset_opcode(setup.opening)) send_.push(*opcode, {});
}

DropReason KeyState::receive(Opcode opcode, const ControlBody& body, TimePoint now) {
  if (stage_ == KeyStage::failed) return DropReason::key_ids_out_of_sync;
  // The reset is message 0 and nothing else is, so no reset can begin anything in the middle of a key.
  if (body.message_id && is_reset(opcode) != (*body.message_id == MessageId{0})) return DropReason::malformed;
  if (!body.message_id) {
    send_.acknowledge(body.acks, now);
    return DropReason::none;
  }

  const ControlMessagePacket message{*body.message_id, opcode, body.payload};
  const ReceiveWindow::Verdict verdict = received_.judge(message.id);
  if (verdict == ReceiveWindow::Verdict::beyond) return DropReason::window_full;
  if (verdict == ReceiveWindow::Verdict::fresh) received_.store(message);
  acks_.add(message.id);
  send_.acknowledge(body.acks, now);
  return DropReason::none;
}

std::optional<KeyState::Outgoing> KeyState::next_packet(TimePoint now) {
  if (const auto message = send_.take_due(now)) {
    return Outgoing{message->opcode,
                    ControlBody{acks_.take(AckQueue::kMaxInControl), {}, message->id, message->payload}};
  }
  if (!acks_.pending()) return std::nullopt;
  return Outgoing{Opcode::ack_v1, ControlBody{acks_.take(AckQueue::kMaxInAck), {}, std::nullopt, {}}};
}

void KeyState::set_payload_limits(std::size_t plain, std::size_t with_wkc) {
  payload_limit_ = plain;
  payload_limit_with_wkc_ = with_wkc;
}

void KeyState::advance(TimePoint now) {
  do {
    deliver_messages();
  } while (take_stage(now));
  push_ciphertext();
}

// One step along the stages; whether it was taken.
bool KeyState::take_stage(TimePoint now) {
  switch (stage_) {
    case KeyStage::resetting:
      if (!opening_received_ || !send_.empty()) return false;
      start_tls();
      return true;
    case KeyStage::handshaking:
      if (!check_tls() || !tls_->established()) return false;
      local_sources_ = KeySources::generate(config_->role);
      stage_ = config_->ask_about_certificates && !tls_->peer_chain().empty() ? KeyStage::verifying
                                                                              : KeyStage::exchanging;
      return true;
    case KeyStage::verifying:
      return false;
    case KeyStage::exchanging:
      if (config_->role == crypto::Role::client && !key_method_sent_) send_key_method();
      if (stage_ == KeyStage::failed || !read_key_method()) return false;
      stage_ = KeyStage::authenticating;
      return true;
    case KeyStage::authenticating:
      if (const auto deadline = judgement_deadline(); deadline != TimePoint::max() && now < deadline)
        return false;
      if (config_->role == crypto::Role::server) send_key_method();
      if (stage_ == KeyStage::failed) return false;
      stage_ = KeyStage::confirming;
      return true;
    case KeyStage::confirming:
      push_ciphertext();
      if (!all_acknowledged()) return false;
      active_since_ = now;
      stage_ = KeyStage::active;
      return true;
    case KeyStage::active:
    case KeyStage::failed:
      return false;
  }
  return false;
}

void KeyState::deliver_messages() {
  // TLS has to wait for the end of the resets, and whoever is not believed yet has to wait altogether: the
  // window keeps what comes early.
  const auto may_come = [this] { return stage_ != KeyStage::failed && stage_ != KeyStage::verifying; };
  while (may_come() && (!opening_received_ || stage_ != KeyStage::resetting)) {
    const auto message = received_.take();
    if (!message) return;
    if (!opening_received_) {
      take_opening(message->payload);
    } else {
      // What it leads to is asked for in check_tls(), where the stages need it.
      static_cast<void>(tls_->feed(message->payload));
    }
  }
}

void KeyState::take_opening(std::span<const std::byte> payload) {
  opening_received_ = true;
  if (config_->wkc.empty() || origin_ != KeyOrigin::handshake) return;  // others are never sent TLVs
  const auto tlvs = parse_reset_tlvs(payload);
  if (!tlvs) return fail("the server's reset is malformed");
  if (!tlvs->early_negotiation) return;
  resend_wkc_ = tlvs->resend_wkc;
  allow_full_window();  // who negotiates like this is 2.6 at least
}

void KeyState::start_tls() {
  tls_.emplace(*config_->tls);
  stage_ = KeyStage::handshaking;
  static_cast<void>(tls_->advance());
}

void KeyState::continue_tls() {
  if (tls_) static_cast<void>(tls_->advance());
}

// False, and the key has failed, if TLS cannot go on.
bool KeyState::check_tls() {
  switch (tls_->status()) {
    case crypto::TlsSession::Status::handshaking:
    case crypto::TlsSession::Status::established:
      return true;
    case crypto::TlsSession::Status::closed:
      fail("the peer closed the TLS session");
      return false;
    case crypto::TlsSession::Status::failed:
      fail(tls_->failure());
      return false;
  }
  return false;
}

void KeyState::send_key_method() {
  KeyMethodMessage message;
  message.sources.pre_master = local_sources_.pre_master.duplicate();
  message.sources.random1 = local_sources_.random1.duplicate();
  message.sources.random2 = local_sources_.random2.duplicate();
  message.options = config_->options;
  message.username = config_->credentials.username;
  message.password = config_->credentials.password.duplicate();
  message.peer_info = config_->peer_info;

  std::array<std::byte, kMaxKeyMethodSize> record;
  const std::size_t size = format_key_method(config_->role, message, record);
  if (size == 0) {
    fail("options, credentials and peer info are too long for one message");
  } else {
    key_method_sent_ = write_record(std::span(record).first(size));
  }
  crypto::wipe(record);
}

// Whether the peer's message was there and good.
bool KeyState::read_key_method() {
  std::array<std::byte, kMaxRecordSize> record;
  const auto size = read_record(record);
  if (!size) return false;
  ParsedKeyMethod parsed = parse_key_method(crypto::other(config_->role), std::span(record).first(*size));
  crypto::wipe(std::span(record).first(*size));
  credentials_too_long_ = parsed.error == KeyMethodError::credentials_too_long;
  if (parsed.error != KeyMethodError::none && !credentials_too_long_) {
    fail(std::string(text(parsed.error)));
    return false;
  }
  remote_ = std::move(parsed.message);
  return true;
}

std::optional<std::size_t> KeyState::read_record(std::span<std::byte> out) {
  if (stage_ == KeyStage::failed || !tls_) return std::nullopt;
  const auto size = tls_->read_record(out);
  if (!size) static_cast<void>(check_tls());
  return size;
}

bool KeyState::write_record(std::span<const std::byte> record) {
  if (stage_ == KeyStage::failed || !tls_) return false;
  if (!tls_->write_record(record)) return check_tls() && false;
  push_ciphertext();
  return true;
}

bool KeyState::can_write() const {
  return tls_ && tls_->pending_ciphertext() < kWriteMark;
}

bool KeyState::all_acknowledged() const {
  return send_.empty() && (!tls_ || tls_->pending_ciphertext() == 0);
}

// Cuts what TLS has to send into messages, as far as the window reaches.
void KeyState::push_ciphertext() {
  if (!tls_) return;
  std::array<std::byte, kMaxRecordSize> payload;
  while (tls_->pending_ciphertext() > 0 && send_.has_room()) {
    const bool with_wkc = resend_wkc_ && send_.next_id() == MessageId{1};
    const std::size_t limit = std::min(with_wkc ? payload_limit_with_wkc_ : payload_limit_, payload.size());
    const std::size_t size = tls_->take_ciphertext(std::span(payload).first(limit));
    send_.push(with_wkc ? Opcode::control_wkc_v1 : Opcode::control_v1, std::span(payload).first(size));
  }
}

void KeyState::accept_certificate() {
  if (stage_ == KeyStage::verifying) stage_ = KeyStage::exchanging;
}

// Half of the hand-window: the exchange itself needs the rest.
TimePoint KeyState::judgement_deadline() const {
  const bool waits = stage_ == KeyStage::authenticating && config_->role == crypto::Role::server &&
                     origin_ == KeyOrigin::rekey && !judged_;
  return waits ? created_at_ + config_->timers.hand_window / 2 : TimePoint::max();
}

void KeyState::fail(std::string reason) {
  if (stage_ == KeyStage::failed) return;
  stage_ = KeyStage::failed;
  failure_ = std::move(reason);
  send_.stop_repeating();
  push_ciphertext();
  forget_sources();
}

KeyState::Sources KeyState::take_sources() {
  Sources sources{std::move(local_sources_), std::move(remote_->sources)};
  return sources;
}

void KeyState::forget_sources() {
  local_sources_ = {};
  if (remote_) remote_->sources = {};
}

}  // namespace vpnd::proto
