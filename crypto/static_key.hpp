// The 256 bytes that tls-auth, tls-crypt and `genkey secret` share, and their text form:
//
//   -----BEGIN OpenVPN Static key V1-----
//   00112233…  (hex, any line length; everything outside the two marks is ignored)
//   -----END OpenVPN Static key V1-----
//
// Layout: two halves of 128 bytes, each cipher[64] | hmac[64]. docs/protocol.md §2
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"

namespace vpnd::crypto {

// The shape of every long key in the protocol: static keys, tls-crypt-v2 client keys, data-channel keys.
using KeyMaterial = Secret<256>;

inline constexpr std::size_t kKeyHalfSize = 128;
inline constexpr std::size_t kKeyPartSize = 64;

// Which half to take out of key material. The uses differ in who encrypts with which; see their headers.
enum class KeyHalf : std::uint8_t { first, second };

constexpr KeyHalf other(KeyHalf half) noexcept {
  return half == KeyHalf::first ? KeyHalf::second : KeyHalf::first;
}

[[nodiscard]] std::span<const std::byte, kKeyPartSize> cipher_part(const KeyMaterial& key,
                                                                   KeyHalf half) noexcept;
[[nodiscard]] std::span<const std::byte, kKeyPartSize> hmac_part(const KeyMaterial& key,
                                                                 KeyHalf half) noexcept;

class StaticKey {
 public:
  explicit StaticKey(KeyMaterial&& material) noexcept : material_(std::move(material)) {}

  // Absent if a mark is missing, a character between them is neither hex nor white space, or there are not
  // 256 bytes.
  [[nodiscard]] static std::optional<StaticKey> parse(std::string_view text);
  [[nodiscard]] static StaticKey generate();

  [[nodiscard]] SecretString format() const;
  [[nodiscard]] StaticKey duplicate() const noexcept { return StaticKey(material_.duplicate()); }

  [[nodiscard]] const KeyMaterial& material() const noexcept { return material_; }
  [[nodiscard]] auto cipher(KeyHalf half) const noexcept { return cipher_part(material_, half); }
  [[nodiscard]] auto hmac(KeyHalf half) const noexcept { return hmac_part(material_, half); }

 private:
  KeyMaterial material_;
};

}  // namespace vpnd::crypto
