#include "crypto/auth_token_key.hpp"

#include "crypto/pem.hpp"
#include "crypto/random.hpp"

namespace vpnd::crypto {

namespace {

constexpr const char* kAuthTokenLabel = "OpenVPN auth-token server key";

}  // namespace

std::optional<AuthTokenKey> AuthTokenKey::parse(std::string_view text) {
  Secret<kSize> key;
  if (decode_pem(text, kAuthTokenLabel, key.expose()) != kSize) return std::nullopt;
  return AuthTokenKey(std::move(key));
}

AuthTokenKey AuthTokenKey::generate() {
  Secret<kSize> key;
  fill_random(key.expose());
  return AuthTokenKey(std::move(key));
}

SecretString AuthTokenKey::format() const {
  return encode_pem(kAuthTokenLabel, key_.expose());
}

// Layout as of half a static key: cipher[64] | hmac[64], of which the digest's size counts.
Hmac AuthTokenKey::hmac() const {
  return Hmac(Digest::sha256(), key_.expose().subspan<64, 32>());
}

}  // namespace vpnd::crypto
