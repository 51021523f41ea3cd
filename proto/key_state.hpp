// One key of a session, from its reset to its end: the reliability layer, the TLS session on top of it, and
// the exchange of key-method-2 messages through that (docs/protocol.md §3 to §6).
//
//   resetting ──► handshaking ──► (verifying) ──► exchanging ──► confirming ──► active
//                                                                               messages may be sent and read
//   any ──► failed
//
// What the exchange means (authentication, identity, which key is used) is the session's business.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "crypto/role.hpp"
#include "crypto/tls.hpp"
#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"
#include "proto/key_method.hpp"
#include "proto/reliable.hpp"
#include "proto/session_config.hpp"
#include "proto/session_event.hpp"

namespace vpnd::proto {

enum class KeyStage : std::uint8_t {
  resetting,       // until both resets have arrived and ours was acknowledged
  handshaking,     // TLS
  verifying,       // until accept_certificate(); only where the owner wants to be asked
  exchanging,      // until the peer's key-method-2 message has come
  authenticating,  // until end_judgement(); only a server's rekey waits here, and not for ever
  confirming,      // until the peer has acknowledged all of ours
  active,
  failed,
};

// How the opening packets of a key look.
enum class KeyOpening : std::uint8_t {
  hard_reset_v2,    // a client's
  hard_reset_v3,    // a client's, with WKc
  server_reset,     // the answer to either
  soft_reset,       // of a rekey, from both sides
  resets_are_done,  // a server after the cookie exchange
};

// One thread at a time. A borrowed SessionConfig must outlive it.
class KeyState {
 public:
  struct Setup {
    KeyId id;
    KeyOrigin origin = KeyOrigin::handshake;
    KeyOpening opening = KeyOpening::hard_reset_v2;
  };

  KeyState(const SessionConfig& config, const Setup& setup, TimePoint now);

  KeyId id() const { return id_; }
  KeyOrigin origin() const { return origin_; }
  KeyStage stage() const { return stage_; }
  const std::string& failure() const { return failure_; }  // when failed

  // --- packets ---

  // One authentic packet for this key, whose acks are addressed to us.
  DropReason receive(Opcode opcode, const ControlBody& body, TimePoint now);

  struct Outgoing {
    Opcode opcode;
    ControlBody body;  // the payload is valid until the next call; the receiver's id is left to the caller
  };
  std::optional<Outgoing> next_packet(TimePoint now);

  // How much payload fits into a packet, and into one that carries a WKc. To be set before the first
  // advance().
  void set_payload_limits(std::size_t plain, std::size_t with_wkc);

  // --- progress ---

  // Takes the stages that what has come allows.
  void advance(TimePoint now);

  void accept_certificate();

  // The peer is accepted or refused; to be followed by advance(). A client sends under a new key once it has
  // our key exchange, which therefore waits on a rekey: what it sent before the verdict would be lost.
  void end_judgement() { judged_ = true; }

  // A signature has come that TLS waits for; to be followed by advance().
  void continue_tls();

  // Gives up. What TLS still has to say (an alert) goes out once; nothing is repeated any more.
  void fail(std::string reason);

  // The peer's message, once the stage is beyond exchanging.
  const std::optional<KeyMethodMessage>& remote_message() const { return remote_; }
  bool credentials_too_long() const { return credentials_too_long_; }

  // The size of the next record, while active; absent if there is none, and then TLS may have failed or been
  // closed, and with it the key.
  std::optional<std::size_t> read_record(std::span<std::byte> out);
  // One record. Only while active and can_write(). false: TLS failed, and with it the key.
  bool write_record(std::span<const std::byte> record);
  bool can_write() const;         // little is waiting to be sent, so that memory stays bounded
  bool all_acknowledged() const;  // nothing waits to be sent or acknowledged

  // Peers from 2.6 on take more packets at once.
  void allow_full_window() { send_.set_limit(SendWindow::kCapacity); }

  // --- keys ---

  crypto::TlsSession* tls() { return tls_ ? &*tls_ : nullptr; }
  const crypto::TlsSession* tls() const { return tls_ ? &*tls_ : nullptr; }
  // The random numbers of both sides for the legacy PRF; wipes them here.
  struct Sources {
    KeySources local;
    KeySources remote;
  };
  Sources take_sources();
  void forget_sources();

  // --- times ---

  TimePoint created_at() const { return created_at_; }
  TimePoint active_since() const { return active_since_; }
  TimePoint retransmit_deadline() const { return send_.deadline(); }
  // When our key exchange leaves without a verdict; TimePoint::max(): it does not wait for one.
  TimePoint judgement_deadline() const;
  std::uint64_t retransmissions() const { return send_.retransmissions(); }

 private:
  void deliver_messages();
  void take_opening(std::span<const std::byte> payload);
  bool take_stage(TimePoint now);
  void start_tls();
  void send_key_method();
  bool read_key_method();
  bool check_tls();
  void push_ciphertext();

  const SessionConfig* config_;
  KeyId id_;
  KeyOrigin origin_;
  KeyStage stage_ = KeyStage::resetting;
  std::string failure_;

  SendWindow send_;
  ReceiveWindow received_;
  AckQueue acks_;
  bool opening_received_ = false;
  bool resend_wkc_ = false;  // message id 1 is to carry the WKc once more
  std::size_t payload_limit_ = 0;
  std::size_t payload_limit_with_wkc_ = 0;

  std::optional<crypto::TlsSession> tls_;
  KeySources local_sources_;
  bool key_method_sent_ = false;
  std::optional<KeyMethodMessage> remote_;
  bool credentials_too_long_ = false;
  bool judged_ = false;

  TimePoint created_at_;
  TimePoint active_since_{};
};

}  // namespace vpnd::proto
