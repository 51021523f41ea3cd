// What a session tells its owner, in the order in which it happened. Every event owns its content.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "crypto/certificate.hpp"
#include "crypto/secret.hpp"
#include "proto/ids.hpp"

namespace vpnd::proto {

enum class KeyOrigin : std::uint8_t { handshake, rekey };  // the session's first key, or a later one

// With SessionConfig::ask_about_certificates: TLS has found nothing wrong with the peer's certificates. To be
// answered with accept_certificate() or reject_certificate(), now or later but within the hand-window; until
// then nothing is told to the peer, not even a password. Again on every rekey.
struct CertificateRequest {
  KeyId key;
  std::vector<crypto::CertificateFacts> certificate_chain;  // leaf first, never empty
};

// Server: a client has passed TLS and sent its key exchange. To be answered with accept_peer() or
// reject_peer(), now or later; until then the control channel already works, so that AUTH_PENDING can be
// sent. On a rekey the certificate's name and the user name have been found equal to those of the first
// handshake.
struct AuthenticationRequest {
  KeyId key;
  KeyOrigin origin;
  std::string username;  // may be empty
  crypto::SecretString password;
  std::string peer_info;                                    // as received: hostile text, for PeerInfo::parse
  std::string remote_options;                               // the peer's OCC string
  std::vector<crypto::CertificateFacts> certificate_chain;  // leaf first; empty without a client certificate
};

// The key is agreed, all own packets were acknowledged and, on a server, accept_peer() was called: data keys
// may be derived. The session's first key is used for sending as soon as it is derived, a later one from
// SendKeyChanged on.
struct Established {
  KeyId key;
  KeyOrigin origin;
  std::string remote_options;
  std::string peer_info;  // usually empty from a server
};

// A text message such as PUSH_REQUEST: printable, without NUL and line end. While a server's verdict is
// deferred it may come before Established; a PUSH_REQUEST is then to be remembered, not answered.
struct MessageReceived {
  std::string text;
};

// Send data under this key from now on. Follows Established of the same key with KeyOrigin::rekey.
struct SendKeyChanged {
  KeyId key;
};

// Forget the key: packets under it are no longer to be opened.
struct KeyRetired {
  KeyId key;
};

// A rekey came to nothing; `key` was never usable. The older key works on until its end, and the session with
// it.
struct RekeyFailed {
  KeyId key;
  std::string reason;
};

// The session is dead. Its last packets (a TLS alert) may still be taken from next_packet().
struct Failed {
  std::string reason;  // for a log, one line
};

// Server: a hard reset with another session id came from this session's peer, or from somebody who forges its
// address. receive() returned session_id_mismatch and kept nothing of it. The owner may offer the packet to
// FirstContact and run a second, untrusted session beside this one.
struct PeerReset {};

using SessionEvent = std::variant<CertificateRequest, AuthenticationRequest, Established, MessageReceived,
                                  SendKeyChanged, KeyRetired, RekeyFailed, Failed, PeerReset>;

}  // namespace vpnd::proto
