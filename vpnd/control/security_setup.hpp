// From the configuration's words and texts to the objects of crypto and proto: TLS, the control channel's
// wrapping, data ciphers, sessions.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/control_auth.hpp"
#include "crypto/tls.hpp"
#include "crypto/tls_crypt_v2.hpp"
#include "proto/batch_negotiation.hpp"
#include "proto/cipher_negotiation.hpp"
#include "proto/compression_framing.hpp"
#include "proto/options_string.hpp"
#include "proto/session_config.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/dataplane/messages.hpp"

namespace vpnd::control {

/// Throws config::ConfigError, with the directive's place, for material that cannot be used.
std::shared_ptr<crypto::TlsContext> make_tls_context(const config::Options& options);

/// A client's wrapping of the control channel, and what a tls-crypt-v2 client brings along.
struct ClientWrap {
  crypto::ControlWrap wrap;
  std::optional<crypto::KeyMaterial> key;  ///< behind `wrap`; none if plain
  std::vector<std::byte> wkc;
};
ClientWrap make_client_wrap(const config::LinkOptions& link, const config::DataOptions& data);

/// A server's: one static wrapping, or a tls-crypt-v2 key.
struct ServerWrap {
  crypto::ControlWrap wrap;
  std::optional<crypto::KeyMaterial> key;  ///< behind `wrap`; none if plain
  std::optional<crypto::TlsCryptV2ServerKey> tls_crypt_v2;
};
ServerWrap make_server_wrap(const config::LinkOptions& link, const config::DataOptions& data);

proto::CipherList data_ciphers(const config::DataOptions& data);
std::optional<crypto::AeadAlgorithm> fallback_cipher(const config::DataOptions& data);
proto::CompressionFraming framing(config::CompressionFraming framing) noexcept;

/// `reneg-sec` as this side applies it: a server takes a little off at random, so that its clients do not all
/// come at once.
std::chrono::seconds renewal_interval(const config::RenewalOptions& renewal, crypto::Role role);
proto::SessionTimers session_timers(const config::Options& options, crypto::Role role);

/// Our line of key method 2, and the one we expect from the peer.
proto::OptionsStringSettings options_string_settings(const config::Options& options,
                                                     const config::LinkOptions& link, crypto::Role role,
                                                     config::Transport transport,
                                                     tunio::IpFamily outer_family);

/// The library that data keys made from now on use. Throws ConfigError if it cannot run here.
void choose_aead_backend(const config::AeadOptions& wanted);

/// What was agreed about the data channel of a session.
struct DataKeyTerms {
  crypto::AeadAlgorithm algorithm;
  crypto::Role own;
  std::optional<proto::PeerId> wire_id;  ///< of the first lane; none: DATA_V1
  std::optional<proto::BatchTerms> batch;
  bool epoch = false;  ///< the epoch format; needs a wire id
};

/// Both directions of a data-channel key of one lane of a session, ready for the worker.
dataplane::AddKey make_data_key(dataplane::PeerIndex session, proto::KeyId key,
                                const crypto::KeyMaterial& material, const DataKeyTerms& terms,
                                proto::LaneNumber lane, const config::DataOptions& data);

}  // namespace vpnd::control
