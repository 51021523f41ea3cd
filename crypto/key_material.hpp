// From a finished TLS handshake to the 256 bytes of data-channel keys. docs/protocol.md §9
//
// The modern way is TlsSession::export_key_material with kDataKeysLabel; the legacy way is the TLS 1.0 PRF
// over what both sides sent in their key-method messages. Client encrypts with the first half, server with
// the second.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "crypto/role.hpp"
#include "crypto/secret.hpp"
#include "crypto/static_key.hpp"

namespace vpnd::crypto {

inline constexpr std::string_view kDataKeysLabel = "EXPORTER-OpenVPN-datakeys";
inline constexpr std::string_view kDynamicTlsCryptLabel = "EXPORTER-OpenVPN-dynamic-tls-crypt";

// The half `role` encrypts data with. The opposite of tls-crypt's choice.
constexpr KeyHalf data_sending_half(Role role) noexcept {
  return role == Role::client ? KeyHalf::first : KeyHalf::second;
}

struct LegacyKeySources {
  Secret<48> pre_master;  // the client's
  Secret<32> client_random1, client_random2;
  Secret<32> server_random1, server_random2;
  std::array<std::byte, 8> client_session_id{};
  std::array<std::byte, 8> server_session_id{};
};

// Absent if this OpenSSL has no MD5 or SHA1 (FIPS), or if the result may not be used (see usable_for_data).
[[nodiscard]] std::optional<KeyMaterial> derive_legacy_keys(const LegacyKeySources& sources);

// False if the first 16 bytes of either cipher key are all zero: then something went wrong, and nobody is
// kept out.
[[nodiscard]] bool usable_for_data(const KeyMaterial& key) noexcept;

// Mixes a static control-channel key into the exported key of dynamic tls-crypt, byte by byte.
// docs/protocol.md §2
void xor_into(KeyMaterial& key, const KeyMaterial& other) noexcept;

// HKDF-Expand-SHA256 with the label "ovpn " + `label` and no context, as the epoch data format uses it.
// docs/protocol.md §10 `secret` has at least 1 byte, `label` at most 200 characters, `out` at most 8160
// bytes; aborts otherwise.
void expand_label(std::span<const std::byte> secret, std::string_view label,
                  std::span<std::byte> out) noexcept;

}  // namespace vpnd::crypto
