// What follows from what has come: stages, authentication, messages, and ends.

#include <algorithm>
#include <array>
#include <utility>

#include "proto/control_message.hpp"
#include "proto/peer_info.hpp"
#include "proto/session_core.hpp"

namespace vpnd::proto {

namespace {

// A first client id that tells a server: ask me for the WKc again, and keep no state till then
// (docs/protocol.md §4).
constexpr std::uint32_t kEarlyNegotiationStart = 0x0F000001;

// What a peer may put into one record. Stock stays below 2048; a larger one fails its session.
constexpr std::size_t kMaxReceivedRecord = 4096;

ControlPacketIdCounter first_packet_id(const SessionConfig& config, Now now) {
  if (config.role == crypto::Role::server || config.wkc.empty()) return {};
  return ControlPacketIdCounter({kEarlyNegotiationStart - 1, now.unix_seconds});
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

bool same_certificate(const std::vector<crypto::CertificateFacts>& a,
                      const std::vector<crypto::CertificateFacts>& b) {
  if (a.empty() || b.empty()) return a.empty() == b.empty();
  return a.front().common_name == b.front().common_name && a.front().fingerprint == b.front().fingerprint;
}

}  // namespace

Session::Core::Key::Key(const SessionConfig& config, const KeyState::Setup& setup, TimePoint now)
    : state(config, setup, now),
      verdict(config.role == crypto::Role::client ? Verdict::accepted : Verdict::pending) {}

Session::Core::Core(SessionConfig config, SessionId local, Now now)
    : config_(std::move(config)),
      local_(local),
      wrap_(config_.wrap, first_packet_id(config_, now)),
      last_now_(now) {
  if (config_.role == crypto::Role::server) return;
  const auto opening = config_.wkc.empty() ? KeyOpening::hard_reset_v2 : KeyOpening::hard_reset_v3;
  open_key(newest_, {KeyId{0}, KeyOrigin::handshake, opening}, now.steady);
}

Session::Core::Core(SessionConfig config, const AcceptedContact& contact, Now now)
    : config_(std::move(config)),
      local_(contact.local),
      remote_(contact.remote),
      wrap_(config_.wrap, ControlPacketIdCounter({1, now.unix_seconds})),  // the cookie had packet id 1
      last_now_(now) {
  open_key(newest_, {KeyId{0}, KeyOrigin::handshake, KeyOpening::resets_are_done}, now.steady);
}

void Session::Core::open_key(std::unique_ptr<Key>& place, const KeyState::Setup& setup, TimePoint now) {
  place = std::make_unique<Key>(config_, setup, now);
  set_payload_limits(place->state);
}

// Goes as far as what has come allows. Called after everything that may have changed something.
void Session::Core::pump(Now now) {
  last_now_ = now;
  if (dead_) return;
  if (previous_ && !events_full()) {
    previous_->state.advance(now.steady);
    read_messages(*previous_);
  }
  if (newest_ && newest_->state.stage() != KeyStage::failed) advance_newest(now);
  if (!dead_) send_farewell(now);
  if (!dead_) send_queued_messages();
}

void Session::Core::advance_newest(Now now) {
  if (events_full()) return;  // the reliability layer then holds the peer back
  Key& key = *newest_;
  key.state.advance(now.steady);
  if (key.state.stage() == KeyStage::verifying) return ask_about_certificate(key);
  if (key.state.remote_message() && !key.announced) {
    meet_peer(key);
    key.state.advance(now.steady);  // a peer that is refused at sight has an answer to wait for
  }
  if (may_receive(key) && !key.established) establish(key, now);
  if (key.state.stage() == KeyStage::active) {
    if (key.established && !key.confirmed) confirm(key, now);
    if (!key.verdict_deadline) key.verdict_deadline = now.steady + config_.timers.auth_window;
    read_messages(key);
  }
  if (key.state.stage() == KeyStage::failed) newest_failed();
}

void Session::Core::ask_about_certificate(Key& key) {
  if (std::exchange(key.certificate_asked, true)) return;
  report(CertificateRequest{key.state.id(), key.state.tls()->peer_chain()});
}

void Session::Core::accept_certificate(KeyId id, Now now) {
  Key* const key = find_key(id);
  if (dead_ || !key || key->state.stage() != KeyStage::verifying) return;
  key->state.accept_certificate();
  pump(now);
}

void Session::Core::reject_certificate(KeyId id, std::string reason, Now now) {
  Key* const key = find_key(id);
  if (dead_ || !key || key != newest_.get() || key->state.stage() != KeyStage::verifying) return;
  key->state.fail(std::move(reason));
  newest_failed();
  pump(now);
}

void Session::Core::continue_tls(Now now) {
  if (newest_) newest_->state.continue_tls();
  pump(now);
}

// The peer has shown its certificate and sent its key exchange.
void Session::Core::meet_peer(Key& key) {
  key.announced = true;
  const KeyMethodMessage& message = *key.state.remote_message();
  if (config_.role == crypto::Role::server) {
    if (PeerInfo::parse(message.peer_info).has(ProtoBit::cc_exit_notify)) key.state.allow_full_window();
    if (key.state.credentials_too_long()) return reject(key, "", "user name or password is too long");
  }
  const auto& chain = key.state.tls()->peer_chain();
  if (config_.role == crypto::Role::client) {
    // A server may have got a new certificate meanwhile, which TLS has checked like the first one.
    identity_ = {true, message.username, chain};
    return;
  }
  if (!identity_.known) {
    identity_ = {true, message.username, chain};
  } else if (!same_certificate(identity_.chain, chain)) {
    return reject(key, "", "the peer came back with another certificate");
  } else if (identity_.username != message.username) {
    return reject(key, "", "the peer came back with another user name");
  }
  report(AuthenticationRequest{key.state.id(), key.state.origin(), message.username,
                               message.password.duplicate(), message.peer_info, message.options, chain});
}

// A client sends under a new key as soon as it has the server's key exchange. Its data may overtake the
// acknowledgement, so a server that rekeys is ready for them before.
bool Session::Core::may_receive(const Key& key) const {
  if (key.verdict != Verdict::accepted) return false;
  const bool early = config_.role == crypto::Role::server && key.state.origin() == KeyOrigin::rekey;
  return key.state.stage() == KeyStage::active || (early && key.state.stage() == KeyStage::confirming);
}

void Session::Core::establish(Key& key, Now now) {
  key.established = true;
  key.established_at = now.steady;
  retire_fading();
  const KeyMethodMessage& message = *key.state.remote_message();
  report(Established{key.state.id(), key.state.origin(), message.options, message.peer_info});
}

void Session::Core::confirm(Key& key, Now now) {
  key.confirmed = true;
  const bool waits = key.state.origin() == KeyOrigin::rekey && !key.used_by_peer;
  if (waits) send_switch_ = now.steady + config_.timers.send_key_delay;
}

void Session::Core::accept_peer(KeyId id, Now now) {
  Key* const key = find_key(id);
  if (dead_ || !key || !key->announced || key->verdict != Verdict::pending) return;
  key->verdict = Verdict::accepted;
  key->state.end_judgement();
  pump(now);
}

void Session::Core::reject_peer(KeyId id, std::string_view reason, Now now) {
  Key* const key = find_key(id);
  if (dead_ || !key || !key->announced || key->verdict != Verdict::pending) return;
  reject(*key, reason,
         reason.empty() ? "authentication failed" : "authentication failed: " + std::string(reason));
  pump(now);
}

void Session::Core::extend_authentication(KeyId id, TimePoint until) {
  Key* const key = find_key(id);
  if (key && key->verdict == Verdict::pending) key->verdict_deadline = until;
}

// A server says so before it ends the session; a client, which has nobody to tell, ends it.
void Session::Core::reject(Key& key, std::string_view message_reason, std::string log_reason) {
  if (config_.role == crypto::Role::client) return die(std::move(log_reason));
  key.verdict = Verdict::rejected;
  key.state.end_judgement();
  std::string message = "AUTH_FAILED";
  if (!message_reason.empty() && is_printable(message_reason)) {
    message.append(",").append(message_reason.substr(0, kMaxMessageSize - message.size() - 1));
  }
  message.push_back('\0');
  outbox_.clear();
  farewell_ = Farewell{std::move(message), std::move(log_reason), std::nullopt};
}

void Session::Core::send_farewell(Now now) {
  if (!farewell_ || newest_->state.stage() != KeyStage::active) return;
  if (!farewell_->deadline) {
    newest_->state.write_record(bytes_of(farewell_->message));
    farewell_->deadline = now.steady + config_.timers.linger;
  }
  if (newest_->state.all_acknowledged() || newest_->state.stage() == KeyStage::failed) {
    die(std::move(farewell_->reason));
  }
}

void Session::Core::read_messages(Key& key) {
  std::array<std::byte, kMaxReceivedRecord> record;
  while (key.state.stage() == KeyStage::active && !events_full()) {
    const auto size = key.state.read_record(record);
    if (!size) return;
    if (farewell_) continue;  // a rejected peer has nothing to say any more
    ControlMessageReader messages{std::span(record).first(*size)};
    while (const auto message = messages.next()) report(MessageReceived{std::string(*message)});
  }
}

bool Session::Core::send_message(std::string_view text, Now now) {
  if (dead_ || farewell_ || text.empty() || text.size() > kMaxMessageSize || !is_printable(text))
    return false;
  if (outbox_.size() >= kMaxQueuedMessages) return false;
  outbox_.emplace_back(text).push_back('\0');
  pump(now);
  return true;
}

void Session::Core::send_queued_messages() {
  if (Key* const key = message_key()) send_queued_messages(*key);
}

void Session::Core::send_queued_messages(Key& key) {
  while (!outbox_.empty() && key.state.can_write()) {
    if (!key.state.write_record(bytes_of(outbox_.front()))) {
      if (&key == newest_.get()) newest_failed();
      return;
    }
    outbox_.pop_front();
  }
}

void Session::Core::hurry_messages(Now now) {
  if (dead_ || !previous_ || previous_->state.stage() != KeyStage::active) return;
  send_queued_messages(*previous_);
  pump(now);
}

// The key that carries messages. While a rekey is under way they wait: stock peers no longer listen to the
// older key.
Session::Core::Key* Session::Core::message_key() {
  if (!newest_) return nullptr;
  if (newest_->state.stage() == KeyStage::failed) {
    return previous_ && previous_->state.stage() == KeyStage::active ? previous_.get() : nullptr;
  }
  if (newest_->state.stage() != KeyStage::active) return nullptr;
  const bool trusted =
      newest_->verdict == Verdict::accepted || newest_->state.origin() == KeyOrigin::handshake;
  return trusted ? newest_.get() : nullptr;
}

void Session::Core::newest_failed() {
  Key& key = *newest_;
  if (farewell_) return die(std::move(farewell_->reason));
  if (!previous_ || key.confirmed) return die(key.state.failure());
  retire_fading();
  if (std::exchange(key.established, false)) report(KeyRetired{key.state.id()});
  report(RekeyFailed{key.state.id(), key.state.failure()});
}

void Session::Core::die(std::string reason) {
  if (dead_) return;
  dead_ = true;
  outbox_.clear();
  if (newest_) newest_->state.fail(reason);
  report(Failed{std::move(reason)});
}

std::optional<SessionEvent> Session::Core::next_event() {
  // With the queue full, the peer's messages were left where they are.
  if (events_.empty()) pump(last_now_);
  if (events_.empty()) return std::nullopt;
  SessionEvent event = std::move(events_.front());
  events_.pop_front();
  if (std::holds_alternative<PeerReset>(event)) peer_reset_reported_ = false;
  return event;
}

}  // namespace vpnd::proto
