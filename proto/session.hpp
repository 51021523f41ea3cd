// One peer's control channel: resets, reliability, TLS, key exchange, authentication and rekeying
// (docs/protocol.md §3 to §7, §12, §15). Bytes and a time go in; bytes, events and a deadline come out. No
// I/O, no clock, no log.
//
//   for every control packet:   session.receive(packet, now)
//   at its deadline:            session.tick(now)
//   after either of them, and after any other call that takes a time:
//                               while (auto event = session.next_event()) …
//                               while (session.next_packet(out, now)) send(out)
//
// Keys. There are at most two: the newest, and the one before it, which retires tran_window after the rekey
// began. The newest is being agreed, or established, or it failed; then the older one carries on alone until
// its end.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.hpp"
#include "crypto/static_key.hpp"
#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"
#include "proto/session_config.hpp"
#include "proto/session_event.hpp"
#include "proto/time.hpp"

namespace vpnd::proto {

enum class KeyDerivation : std::uint8_t { legacy_prf, tls_exporter };

// What a proven cookie tells a server (FirstContact): both ids are known and both resets are done.
struct AcceptedContact {
  SessionId local;   // the cookie
  SessionId remote;  // the client's
};

// Random and not zero, for every session anew.
SessionId random_session_id();

// One thread at a time. Owns every byte it queues, so it may be destroyed at any moment. Its memory is
// bounded by constants (the windows, kMaxQueuedMessages, kMaxQueuedEvents), and no unauthenticated packet
// adds to it.
class Session {
 public:
  static constexpr std::size_t kMaxMessageSize =
      2046;  // text of one message; with its NUL it stays below 2048
  static constexpr std::size_t kMaxQueuedMessages = 64;  // that wait for the control channel
  static constexpr std::size_t kMaxQueuedEvents = 64;    // with as many, nothing more is read from the peer

  // A client: its hard reset waits in next_packet(). A server: waits for the client's hard reset, as over
  // TCP, or from a tls-crypt-v2 client that cannot do the cookie exchange.
  Session(SessionConfig config, SessionId local, Now now);
  // A server whose client has proven the cookie with a packet, which is then to be given to receive().
  Session(SessionConfig config, const AcceptedContact& contact, Now now);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  // Takes one control packet, without TCP's length. none: consumed, also if it was a repetition. Everything
  // else is for the caller to count, and has changed nothing but the replay window.
  DropReason receive(std::span<const std::byte> packet, Now now);

  // Puts the next packet to send into `out`, replacing what was there; false: nothing for now.
  bool next_packet(std::vector<std::byte>& out, Now now);

  // When tick() is due; TimePoint::max(): never. May lie in the past while next_packet() has something.
  TimePoint deadline() const;
  void tick(Now now);

  std::optional<SessionEvent> next_event();

  // The verdict on a CertificateRequest. A rejected one fails its key: the session, or the rekey.
  void accept_certificate(KeyId key, Now now);
  void reject_certificate(KeyId key, std::string reason, Now now);

  // Our key's keeper (crypto::KeyKeeper) has answered: the handshake that waits for it goes on.
  void continue_tls(Now now);

  // Server: the verdict on an AuthenticationRequest. A key takes one verdict; a second, or one for an unknown
  // key, is ignored. reject_peer sends "AUTH_FAILED[,reason]" with a reason meant for the client, and reports
  // Failed once that is acknowledged, or after SessionTimers::linger.
  void accept_peer(KeyId key, Now now);
  void reject_peer(KeyId key, std::string_view reason, Now now);
  // Server: the verdict may take until `until` (AUTH_PENDING,timeout was sent).
  void extend_authentication(KeyId key, TimePoint until);

  // Queues one message, to be sent as one TLS record under the newest key as soon as its key exchange is
  // complete. false: not printable or empty, longer than kMaxMessageSize, queue full, or the session is dead.
  bool send_message(std::string_view text, Now now);
  // For the key exchange that is under way. hurry_messages() sends them under the retiring key: that is heard
  // by vpnd, no longer by stock.
  bool messages_waiting() const;
  void hurry_messages(Now now);

  // The 256 bytes both sides share for the data channel. Once per key, after Established; then the sources
  // are wiped. Absent for any other key or call, and where OpenSSL has no legacy PRF (FIPS).
  std::optional<crypto::KeyMaterial> derive_data_keys(KeyId key, KeyDerivation derivation);

  // From now on packets of all key ids but 0 are wrapped with a key exported from TLS (docs/protocol.md §2).
  // To be called when push has negotiated it, while key 0 is the newest. false: too early, too late, or
  // twice.
  bool enable_dynamic_tls_crypt();

  // Point to point: the peer id that both ends get out of TLS, or the fixed one of peers without the exporter
  // (docs/protocol.md §11). While key 0 is established and the newest.
  std::optional<PeerId> derive_peer_id(KeyDerivation derivation);

  // Client: what the next rekey sends, such as a pushed auth-token.
  void set_credentials(Credentials credentials);

  // Starts a rekey. false: not now, for there is no established key, its data keys were not derived, or a
  // rekey is under way. After a rekey that failed it may be tried again.
  bool start_rekey(Now now);

  // A data packet under this key was opened: the peer sends with it, so it can also receive with it.
  void note_peer_used_key(KeyId key, Now now);

  bool dead() const;  // Failed has been or will be reported
  SessionId local_id() const;
  std::optional<SessionId> remote_id() const;    // absent until the peer's first packet
  KeyId newest_key() const;                      // also while it is being agreed
  std::optional<KeyId> established_key() const;  // the newest of those that are
  const std::string& username() const;           // server: of the first handshake
  // Leaf first. Of a client that of the first handshake, which each later one repeats; of a server the
  // latest.
  const std::vector<crypto::CertificateFacts>& peer_chain() const;
  std::string tls_description() const;  // "TLSv1.3, cipher …" of the newest key; empty before
  std::uint64_t retransmissions() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace vpnd::proto
