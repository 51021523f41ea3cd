// What a session is made with. A plain struct: the control plane fills it from the configuration.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/control_auth.hpp"
#include "crypto/role.hpp"
#include "crypto/secret.hpp"
#include "crypto/static_key.hpp"
#include "crypto/tls.hpp"

namespace vpnd::proto {

enum class Transport : std::uint8_t {
  datagrams,  // UDP: packets may be lost, repeated and reordered
  stream,     // TCP: nothing is sent twice
};

// Defaults are those of stock (docs/protocol.md §15), but for the last three, which it does not have.
struct SessionTimers {
  std::chrono::seconds hand_window{60};    // from the first packet of a key to the end of its key exchange
  std::chrono::seconds auth_window{60};    // how much longer a verdict may take; see extend_authentication()
  std::chrono::seconds tls_timeout{2};     // first retransmission; doubles each time
  std::chrono::seconds tran_window{3600};  // how long an old key lives once a rekey has begun
  std::chrono::seconds reneg_sec{0};       // age of a key at which this side starts a rekey; 0 = never
  std::chrono::seconds send_key_delay{5};  // a new key is used for sending so long after it is established
  std::chrono::seconds rekey_spacing{5};   // a soft reset of the peer that follows sooner is put off
  std::chrono::seconds linger{5};          // how long AUTH_FAILED may wait for its acknowledgement
};

// What a client sends for auth-user-pass.
struct Credentials {
  std::string username;
  crypto::SecretString password;
};

struct SessionConfig {
  crypto::Role role = crypto::Role::client;
  std::shared_ptr<const crypto::TlsContext> tls;  // shared by all sessions of an instance; never null
  crypto::ControlWrap wrap;                       // plain, tls-auth, or tls-crypt also with a Kc
  std::optional<crypto::KeyMaterial>
      wrap_key;                // the 256 bytes behind `wrap`, for dynamic tls-crypt; absent if plain
  std::vector<std::byte> wkc;  // client with tls-crypt-v2: the wrapped client key; else empty
  Transport transport = Transport::datagrams;
  SessionTimers timers;
  std::string options;                  // our OCC options string, at most 511 bytes
  std::string peer_info;                // "KEY=VALUE\n" lines; of a client, a server leaves it empty
  Credentials credentials;              // of a client; empty = no auth-user-pass
  bool ask_about_certificates = false;  // see CertificateRequest
  std::size_t max_packet_size = 1250;   // of a control packet with its IP and UDP headers; 154 to 2048
};

}  // namespace vpnd::proto
