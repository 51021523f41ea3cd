#include "proto/session.hpp"

#include <utility>

#include "crypto/random.hpp"
#include "proto/session_core.hpp"

namespace vpnd::proto {

SessionId random_session_id() {
  SessionId id;
  do {
    crypto::fill_random(id.bytes);
  } while (id.is_zero());
  return id;
}

Session::Session(SessionConfig config, SessionId local, Now now)
    : core_(std::make_unique<Core>(std::move(config), local, now)) {}
Session::Session(SessionConfig config, const AcceptedContact& contact, Now now)
    : core_(std::make_unique<Core>(std::move(config), contact, now)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

DropReason Session::receive(std::span<const std::byte> packet, Now now) {
  return core_->receive(packet, now);
}
bool Session::next_packet(std::vector<std::byte>& out, Now now) {
  return core_->next_packet(out, now);
}
TimePoint Session::deadline() const {
  return core_->deadline();
}
void Session::tick(Now now) {
  core_->tick(now);
}
std::optional<SessionEvent> Session::next_event() {
  return core_->next_event();
}
void Session::accept_certificate(KeyId key, Now now) {
  core_->accept_certificate(key, now);
}
void Session::reject_certificate(KeyId key, std::string reason, Now now) {
  core_->reject_certificate(key, std::move(reason), now);
}
void Session::accept_peer(KeyId key, Now now) {
  core_->accept_peer(key, now);
}
void Session::reject_peer(KeyId key, std::string_view reason, Now now) {
  core_->reject_peer(key, reason, now);
}
void Session::extend_authentication(KeyId key, TimePoint until) {
  core_->extend_authentication(key, until);
}
bool Session::send_message(std::string_view text, Now now) {
  return core_->send_message(text, now);
}
bool Session::messages_waiting() const {
  return core_->messages_waiting();
}
void Session::continue_tls(Now now) {
  core_->continue_tls(now);
}

void Session::hurry_messages(Now now) {
  core_->hurry_messages(now);
}
std::optional<crypto::KeyMaterial> Session::derive_data_keys(KeyId key, KeyDerivation derivation) {
  return core_->derive_data_keys(key, derivation);
}
bool Session::enable_dynamic_tls_crypt() {
  return core_->enable_dynamic_tls_crypt();
}
std::optional<PeerId> Session::derive_peer_id(KeyDerivation derivation) {
  return core_->derive_peer_id(derivation);
}
void Session::set_credentials(Credentials credentials) {
  core_->set_credentials(std::move(credentials));
}
bool Session::start_rekey(Now now) {
  return core_->start_rekey(now);
}
void Session::note_peer_used_key(KeyId key, Now now) {
  core_->note_peer_used_key(key, now);
}

bool Session::dead() const {
  return core_->dead();
}
SessionId Session::local_id() const {
  return core_->local_id();
}
std::optional<SessionId> Session::remote_id() const {
  return core_->remote_id();
}
KeyId Session::newest_key() const {
  return core_->newest_key();
}
std::optional<KeyId> Session::established_key() const {
  return core_->established_key();
}
const std::string& Session::username() const {
  return core_->username();
}
const std::vector<crypto::CertificateFacts>& Session::peer_chain() const {
  return core_->peer_chain();
}
std::string Session::tls_description() const {
  return core_->tls_description();
}
std::uint64_t Session::retransmissions() const {
  return core_->retransmissions();
}

}  // namespace vpnd::proto
