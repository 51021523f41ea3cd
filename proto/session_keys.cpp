// Rekeys, which key to send with, what is derived from a key, and everything that happens because time
// passes.

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/key_material.hpp"
#include "proto/session_core.hpp"

namespace vpnd::proto {

namespace {

constexpr std::string_view kPeerIdLabel = "EXPORTER-OpenVPN-p2p-peerid";

std::string_view text(KeyStage stage) {
  switch (stage) {
    case KeyStage::resetting:
      return "no answer from the peer";
    case KeyStage::handshaking:
      return "TLS handshake not finished";
    case KeyStage::verifying:
      return "its certificate is still being asked about";
    case KeyStage::exchanging:
      return "no key exchange from the peer";
    case KeyStage::authenticating:
      return "no verdict on its user name and password";
    case KeyStage::confirming:
      return "key exchange not acknowledged";
    case KeyStage::active:
      return "not authenticated";
    case KeyStage::failed:
      return "failed";
  }
  return "";
}

}  // namespace

// --- rekeys
// ---------------------------------------------------------------------------------------------------------

bool Session::Core::may_start_rekey() const {
  if (dead_ || farewell_ || !newest_) return false;
  if (newest_->state.stage() == KeyStage::failed) return previous_ != nullptr;
  return newest_->confirmed && newest_->data_keys_taken;
}

bool Session::Core::start_rekey(Now now) {
  if (!may_start_rekey()) return false;
  begin_rekey(rekey_id(), now);
  pump(now);
  return true;
}

// A failed rekey is tried again under the same id.
KeyId Session::Core::rekey_id() const {
  const KeyId newest = newest_->state.id();
  return newest_->state.stage() == KeyStage::failed ? newest : next_key_id(newest);
}

void Session::Core::begin_rekey(KeyId id, Now now) {
  if (newest_->state.stage() != KeyStage::failed) {
    switch_send_key();
    retire_fading();
    if (previous_) fading_ = previous_->state.id();
    previous_ = std::move(newest_);
    previous_ends_ = now.steady + config_.timers.tran_window;
  }
  open_key(newest_, {id, KeyOrigin::rekey, KeyOpening::soft_reset}, now.steady);
  last_rekey_ = now.steady;
  if (std::exchange(put_off_, std::nullopt) == id) {
    const ControlBody reset{.acks = {}, .receiver = {}, .message_id = MessageId{0}, .payload = {}};
    (void)newest_->state.receive(Opcode::control_soft_reset_v1, reset, now.steady);
  }
}

// Nothing may still be sent with it.
void Session::Core::retire_previous() {
  switch_send_key();
  retire_fading();
  if (!previous_) return;
  report(KeyRetired{previous_->state.id()});
  previous_.reset();
}

void Session::Core::retire_fading() {
  if (!fading_) return;
  report(KeyRetired{*fading_});
  fading_.reset();
}

void Session::Core::switch_send_key() {
  if (!send_switch_) return;
  send_switch_.reset();
  report(SendKeyChanged{newest_->state.id()});
}

void Session::Core::note_peer_used_key(KeyId id, Now now) {
  if (dead_ || !newest_ || newest_->state.id() != id || !newest_->established) return;
  last_now_ = now;
  // Who uses a key has all of its making, acknowledged or not.
  const bool first =
      newest_->state.origin() == KeyOrigin::rekey && !std::exchange(newest_->used_by_peer, true);
  if (first && !newest_->confirmed) send_switch_ = now.steady;
  if (first) switch_send_key();
}

std::optional<KeyId> Session::Core::established_key() const {
  if (newest_ && newest_->established) return newest_->state.id();
  if (previous_) return previous_->state.id();
  return std::nullopt;
}

// --- time
// -----------------------------------------------------------------------------------------------------------

TimePoint Session::Core::handshake_deadline() const {
  if (!newest_ || newest_->confirmed || newest_->state.stage() == KeyStage::failed) return TimePoint::max();
  if (newest_->state.stage() != KeyStage::active) {
    return newest_->state.created_at() + config_.timers.hand_window;
  }
  const auto deadline = farewell_ ? farewell_->deadline : newest_->verdict_deadline;
  return deadline.value_or(TimePoint::max());
}

// A rekey that failed is tried again as long as there is an old key, whoever had begun it; not at once, for
// what fails for a certificate fails within milliseconds.
TimePoint Session::Core::reneg_deadline() const {
  if (config_.timers.reneg_sec.count() == 0 || !may_start_rekey()) return TimePoint::max();
  if (newest_->state.stage() == KeyStage::failed) return *last_rekey_ + config_.timers.hand_window;
  return newest_->established_at + config_.timers.reneg_sec;
}

TimePoint Session::Core::put_off_deadline() const {
  if (!put_off_ || !may_start_rekey() || *put_off_ != rekey_id()) return TimePoint::max();
  return last_rekey_ ? *last_rekey_ + config_.timers.rekey_spacing : TimePoint::min();
}

TimePoint Session::Core::deadline() const {
  if (dead_) return TimePoint::max();
  TimePoint earliest = std::min({handshake_deadline(), reneg_deadline(), put_off_deadline()});
  if (newest_) {
    earliest =
        std::min({earliest, newest_->state.retransmit_deadline(), newest_->state.judgement_deadline()});
  }
  if (previous_) earliest = std::min({earliest, previous_->state.retransmit_deadline(), previous_ends_});
  if (send_switch_) earliest = std::min(earliest, *send_switch_);
  return earliest;
}

void Session::Core::tick(Now now) {
  if (dead_) return;
  if (now.steady >= handshake_deadline()) expire_handshake(now);
  if (!dead_ && send_switch_ && now.steady >= *send_switch_) switch_send_key();
  if (!dead_ && previous_ && now.steady >= previous_ends_) {
    retire_previous();
    if (newest_->state.stage() == KeyStage::failed) die("the last key has ended after a failed rekey");
  }
  if (!dead_ && now.steady >= std::min(reneg_deadline(), put_off_deadline())) start_rekey(now);
  pump(now);
}

void Session::Core::expire_handshake(Now now) {
  if (farewell_) return die(std::move(farewell_->reason));
  const auto waited =
      std::chrono::duration_cast<std::chrono::seconds>(now.steady - newest_->state.created_at());
  newest_->state.fail("no new key within " + std::to_string(waited.count()) +
                      " s: " + std::string(text(newest_->state.stage())));
  newest_failed();
}

// --- keys
// -----------------------------------------------------------------------------------------------------------

std::optional<crypto::KeyMaterial> Session::Core::derive_data_keys(KeyId id, KeyDerivation derivation) {
  Key* const key = find_key(id);
  if (dead_ || !key || !key->established || key->data_keys_taken) return std::nullopt;
  key->data_keys_taken = true;
  KeyState::Sources sources = key->state.take_sources();

  if (derivation == KeyDerivation::tls_exporter) {
    crypto::KeyMaterial material;
    if (!key->state.tls()->export_key_material(crypto::kDataKeysLabel, material.expose()))
      return std::nullopt;
    if (!crypto::usable_for_data(material)) return std::nullopt;
    return material;
  }
  const bool client = config_.role == crypto::Role::client;
  KeySources& of_client = client ? sources.local : sources.remote;
  KeySources& of_server = client ? sources.remote : sources.local;
  crypto::LegacyKeySources legacy;
  legacy.pre_master = std::move(of_client.pre_master);
  legacy.client_random1 = std::move(of_client.random1);
  legacy.client_random2 = std::move(of_client.random2);
  legacy.server_random1 = std::move(of_server.random1);
  legacy.server_random2 = std::move(of_server.random2);
  legacy.client_session_id = (client ? local_ : *remote_).bytes;
  legacy.server_session_id = (client ? *remote_ : local_).bytes;
  return crypto::derive_legacy_keys(legacy);
}

bool Session::Core::enable_dynamic_tls_crypt() {
  if (dead_ || dynamic_wrap_ || !newest_ || !newest_->established || newest_->state.id() != KeyId{0})
    return false;
  crypto::KeyMaterial key;
  if (!newest_->state.tls()->export_key_material(crypto::kDynamicTlsCryptLabel, key.expose())) return false;
  if (config_.wrap_key) crypto::xor_into(key, *config_.wrap_key);
  dynamic_wrap_.emplace(crypto::ControlWrap::tls_crypt(key, config_.role), ControlPacketIdCounter());
  return true;
}

std::optional<PeerId> Session::Core::derive_peer_id(KeyDerivation derivation) {
  constexpr PeerId kWithoutExporter{0x76706e};  // "vpn"
  if (derivation == KeyDerivation::legacy_prf) return kWithoutExporter;
  if (dead_ || !newest_ || !newest_->established || newest_->state.id() != KeyId{0}) return std::nullopt;
  std::array<std::byte, 3> bytes{};
  if (!newest_->state.tls()->export_key_material(kPeerIdLabel, bytes)) return std::nullopt;
  return PeerId{std::to_integer<std::uint32_t>(bytes[0]) << 16 |
                std::to_integer<std::uint32_t>(bytes[1]) << 8 | std::to_integer<std::uint32_t>(bytes[2])};
}

std::string Session::Core::tls_description() const {
  if (newest_ && newest_->state.tls()) {
    if (std::string text = newest_->state.tls()->protocol_description(); !text.empty()) return text;
  }
  return previous_ ? previous_->state.tls()->protocol_description() : std::string();
}

std::uint64_t Session::Core::retransmissions() const {
  return (newest_ ? newest_->state.retransmissions() : 0) +
         (previous_ ? previous_->state.retransmissions() : 0);
}

}  // namespace vpnd::proto
