// The inside of a Session; for the session_*.cpp files only. In the order of a packet's journey:
//
//   session_packets.cpp   receive(): whose packet, which key, unwrap; next_packet(): which packet, wrap
//   session_progress.cpp  what follows from it: stages, authentication, messages, failures
//   session_keys.cpp      rekeys, which key to send with, timers, data keys
//   session.cpp           the public class

#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/key_state.hpp"
#include "proto/session.hpp"
#include "proto/wrap_state.hpp"

namespace vpnd::proto {

class Session::Core {
 public:
  Core(SessionConfig config, SessionId local, Now now);
  Core(SessionConfig config, const AcceptedContact& contact, Now now);

  DropReason receive(std::span<const std::byte> packet, Now now);
  bool next_packet(std::vector<std::byte>& out, Now now);
  TimePoint deadline() const;
  void tick(Now now);
  std::optional<SessionEvent> next_event();
  void accept_certificate(KeyId key, Now now);
  void reject_certificate(KeyId key, std::string reason, Now now);
  void continue_tls(Now now);
  void accept_peer(KeyId key, Now now);
  void reject_peer(KeyId key, std::string_view reason, Now now);
  void extend_authentication(KeyId key, TimePoint until);
  bool send_message(std::string_view text, Now now);
  bool messages_waiting() const { return !outbox_.empty(); }
  void hurry_messages(Now now);
  std::optional<crypto::KeyMaterial> derive_data_keys(KeyId key, KeyDerivation derivation);
  bool enable_dynamic_tls_crypt();
  std::optional<PeerId> derive_peer_id(KeyDerivation derivation);
  void set_credentials(Credentials credentials) { config_.credentials = std::move(credentials); }
  bool start_rekey(Now now);
  void note_peer_used_key(KeyId key, Now now);

  bool dead() const { return dead_; }
  SessionId local_id() const { return local_; }
  std::optional<SessionId> remote_id() const { return remote_; }
  KeyId newest_key() const { return newest_ ? newest_->state.id() : KeyId{0}; }
  std::optional<KeyId> established_key() const;
  const std::string& username() const { return identity_.username; }
  const std::vector<crypto::CertificateFacts>& peer_chain() const { return identity_.chain; }
  std::string tls_description() const;
  std::uint64_t retransmissions() const;

 private:
  enum class Verdict : std::uint8_t { pending, accepted, rejected };

  // A key and where the session stands with it.
  struct Key {
    Key(const SessionConfig& config, const KeyState::Setup& setup, TimePoint now);

    KeyState state;
    Verdict verdict;  // a client has none to give: accepted from the start
    bool certificate_asked = false;
    bool announced = false;    // the peer's key exchange has been looked at
    bool established = false;  // and said so: data may come under it
    bool confirmed = false;    // and the peer has acknowledged all: data may go out under it
    bool data_keys_taken = false;
    bool used_by_peer = false;
    TimePoint established_at{};
    std::optional<TimePoint> verdict_deadline;  // set when the stage is active, or by the owner
  };

  // Who the peer was in the first handshake, and has to be in all later ones (docs/protocol.md §5).
  struct Identity {
    bool known = false;
    std::string username;
    std::vector<crypto::CertificateFacts> chain;
  };

  // Said to a client that is not let in, before the end.
  struct Farewell {
    std::string message;
    std::string reason;                 // for the log
    std::optional<TimePoint> deadline;  // set when the message was sent
  };

  // packets
  DropReason judge_sender(const ControlHeader& header);
  DropReason judge_opening(const ControlHeader& header, const ControlBody& body);
  DropReason judge_soft_reset(const ControlHeader& header, const ControlBody& body, Now now);
  bool restarts_failed_key(const ControlHeader& header) const;
  Key* find_key(KeyId id);
  WrapState& wrap_for(KeyId id) { return dynamic_wrap_ && id != KeyId{0} ? *dynamic_wrap_ : wrap_; }
  bool next_packet_of(Key& key, std::vector<std::byte>& out, Now now);
  void set_payload_limits(KeyState& key);

  // progress
  void open_key(std::unique_ptr<Key>& place, const KeyState::Setup& setup, TimePoint now);
  void pump(Now now);
  void advance_newest(Now now);
  void ask_about_certificate(Key& key);
  void meet_peer(Key& key);
  void identify(Key& key);
  bool may_receive(const Key& key) const;
  void establish(Key& key, Now now);
  void confirm(Key& key, Now now);
  void read_messages(Key& key);
  void send_queued_messages();
  void send_queued_messages(Key& key);
  void send_farewell(Now now);
  void newest_failed();
  void reject(Key& key, std::string_view message_reason, std::string log_reason);
  void die(std::string reason);
  void report(SessionEvent event) { events_.push_back(std::move(event)); }
  bool events_full() const { return events_.size() >= kMaxQueuedEvents; }
  Key* message_key();

  // keys
  bool may_start_rekey() const;
  void begin_rekey(KeyId id, Now now);
  KeyId rekey_id() const;
  void switch_send_key();
  void retire_previous();
  void retire_fading();
  void expire_handshake(Now now);
  TimePoint handshake_deadline() const;
  TimePoint reneg_deadline() const;
  TimePoint put_off_deadline() const;

  SessionConfig config_;
  SessionId local_;
  std::optional<SessionId> remote_;
  WrapState wrap_;
  std::optional<WrapState> dynamic_wrap_;

  std::unique_ptr<Key> newest_;    // absent only in a server that waits for the client's reset
  std::unique_ptr<Key> previous_;  // always established
  TimePoint previous_ends_{};
  // The key before `previous_` while a rekey is under way: the peer may have sent under it until it heard of
  // that.
  std::optional<KeyId> fading_;
  std::optional<TimePoint> send_switch_;  // when the newest key becomes the one to send with
  std::optional<TimePoint> last_rekey_;   // when the last one began, whoever asked for it
  std::optional<KeyId> put_off_;          // of a soft reset that came too soon over a stream
  Identity identity_;

  std::deque<SessionEvent> events_;
  std::deque<std::string> outbox_;  // messages with their NUL
  std::optional<Farewell> farewell_;
  bool peer_reset_reported_ = false;  // until the owner has taken the event
  bool dead_ = false;
  Now last_now_;
};

}  // namespace vpnd::proto
