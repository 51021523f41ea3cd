// Agreement on the data cipher and on the features that depend on both sides' age (docs/protocol.md §11). The
// server decides; the client checks that what it was told is in its own list.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/aead.hpp"
#include "proto/options_string.hpp"
#include "proto/peer_info.hpp"

namespace vpnd::proto {

using CipherList = std::vector<crypto::AeadAlgorithm>;  // in order of preference

// What data-ciphers is when it is not configured.
inline constexpr std::string_view kDefaultCiphers = "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305";

struct ParsedCipherList {
  CipherList ciphers;
  std::vector<std::string> unknown;           // names that vpnd has not: an error in a configuration
  std::vector<std::string> unknown_optional;  // the same, but marked `?`: left out silently
};

// A configured list: names separated by colons, `?NAME` optional, `DEFAULT` stands for kDefaultCiphers.
// Duplicates are left out.
ParsedCipherList parse_cipher_list(std::string_view text);

// "AES-256-GCM:AES-128-GCM", as for IV_CIPHERS.
std::string format_cipher_list(std::span<const crypto::AeadAlgorithm> ciphers);

// --- server

// Empty: there is no common cipher, and the client is to be refused with kNoSharedCipher.
// `fallback` is for a client that says nothing at all about its ciphers.
std::optional<crypto::AeadAlgorithm> choose_cipher(std::span<const crypto::AeadAlgorithm> own,
                                                   std::optional<crypto::AeadAlgorithm> fallback,
                                                   const PeerInfo& client,
                                                   const PeerOptionsString& client_options);

inline constexpr std::string_view kNoSharedCipher =
    "Data channel cipher negotiation failed (no shared cipher)";

// Whether the client understands a pushed cipher.
bool takes_pushed_cipher(const PeerInfo& client);

// --- both: what is switched on beyond the basic protocol

struct ProtocolFlags {
  bool tls_key_export = false;  // data keys from the TLS exporter instead of the legacy PRF
  bool dynamic_tls_crypt = false;
  bool exit_by_control_channel = false;  // cc-exit
  bool data_epoch = false;               // aead-epoch: the epoch format of data packets
  bool operator==(const ProtocolFlags&) const = default;
};

// What the server switches on for this client.
ProtocolFlags choose_protocol_flags(const PeerInfo& client);

// The options that tell the client: `cipher X`, and `protocol-flags …` or `key-derivation tls-ekm`. Never a
// word that the client did not announce, since some clients give up on it.
std::vector<std::string> negotiation_push_options(crypto::AeadAlgorithm cipher, const PeerInfo& client);

// --- client

struct ClientCipher {
  std::optional<crypto::AeadAlgorithm> cipher;
  std::string error;  // why there is none
};

// `pushed` is the argument of the server's `cipher` option, if there was one.
ClientCipher accept_cipher(std::span<const crypto::AeadAlgorithm> own,
                           std::optional<crypto::AeadAlgorithm> fallback,
                           std::optional<std::string_view> pushed, const PeerOptionsString& server_options);

}  // namespace vpnd::proto
