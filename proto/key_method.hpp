// The key-method-2 message: the first application data of every TLS session, one from each side
// (docs/protocol.md §6).
//
//   0 (4) | 2 (1) | [pre_master (48): the client's only] | random1 (32) | random2 (32) |
//   options | username | password | peer info
//
// with each text as: size (2, counts the NUL; 0 = absent) | bytes | NUL. Older peers end before the last
// texts.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "crypto/role.hpp"
#include "crypto/secret.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kMaxKeyMethodSize = 2047;  // what a stock receiver reads

// One side's share of the secrets from which legacy data keys are derived.
struct KeySources {
  crypto::Secret<48> pre_master;  // zero in a server's message
  crypto::Secret<32> random1;
  crypto::Secret<32> random2;

  static KeySources generate(crypto::Role role) noexcept;
};

struct KeyMethodMessage {
  // Sizes of the texts with their NUL. Stock allows 128 for each credential in most builds; tokens need more.
  static constexpr std::size_t kMaxOptionsSize = 512;
  static constexpr std::size_t kMaxCredentialSize = 1024;
  static constexpr std::size_t kMaxPeerInfoSize = 4096;

  KeySources sources;
  std::string options;
  std::string username;
  crypto::SecretString password;
  std::string peer_info;
};

enum class KeyMethodError : std::uint8_t {
  none,
  truncated,             // a length runs past the end
  unsupported_method,    // not key method 2
  text_too_long,         // options or peer info beyond their limit
  credentials_too_long,  // to be answered like a wrong password; everything else in the message is valid
};

std::string_view text(KeyMethodError error) noexcept;

struct [[nodiscard]] ParsedKeyMethod {
  KeyMethodError error;
  KeyMethodMessage message;
};

// `sender` is the role of the side that wrote the message. Texts end at their first NUL, wherever the length
// points.
ParsedKeyMethod parse_key_method(crypto::Role sender, std::span<const std::byte> record);

// Writes to the front of `out` and returns the size; 0 when the message does not fit into `out` or a text is
// beyond its limit. `out` then holds secrets: wipe it after use.
std::size_t format_key_method(crypto::Role sender, const KeyMethodMessage& message, std::span<std::byte> out);

}  // namespace vpnd::proto
