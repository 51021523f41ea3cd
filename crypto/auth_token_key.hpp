// The key of `auth-gen-token-secret`: 128 random bytes in PEM armour, of which a part keys the HMAC that
// makes an auth-token authentic (docs/protocol.md §14).
#pragma once

#include <optional>
#include <string_view>

#include "crypto/mac.hpp"
#include "crypto/secret.hpp"

namespace vpnd::crypto {

/// Move-only, wiped when it goes.
class AuthTokenKey {
 public:
  static constexpr std::size_t kSize = 128;

  /// Absent if there is no such PEM block, or it is damaged or too short.
  [[nodiscard]] static std::optional<AuthTokenKey> parse(std::string_view text);
  [[nodiscard]] static AuthTokenKey generate();

  [[nodiscard]] SecretString format() const;
  /// HMAC-SHA256 under the part of the key that stock uses for it.
  [[nodiscard]] Hmac hmac() const;

 private:
  explicit AuthTokenKey(Secret<kSize>&& key) noexcept : key_(std::move(key)) {}

  Secret<kSize> key_;
};

}  // namespace vpnd::crypto
