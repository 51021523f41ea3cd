#include "crypto/key_material.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <initializer_list>

#include "crypto/hkdf.hpp"
#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {
namespace {

OSSL_PARAM octets(const char* name, std::span<const std::byte> bytes) noexcept {
  // The library only reads; its type cannot say so.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()), bytes.size());
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

KdfContextPtr kdf_context(const char* name) {
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, name, nullptr);
  KdfContextPtr context(EVP_KDF_CTX_new(kdf));
  EVP_KDF_free(kdf);
  return context;
}

// TLS 1.0's PRF: P_MD5 of one half of the secret XOR P_SHA1 of the other. RFC 2246 §5
bool tls1_prf(std::span<const std::byte> secret, std::initializer_list<std::span<const std::byte>> seed,
              std::span<std::byte> out) {
  const KdfContextPtr context = kdf_context("TLS1-PRF");
  if (!context) return false;
  char digest[] = "MD5-SHA1";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_SECRET, secret),
      OSSL_PARAM_construct_end(),
  };
  if (EVP_KDF_CTX_set_params(context.get(), parameters) != 1) return false;
  for (const std::span<const std::byte> piece : seed) {  // each one is appended to what was set before
    const OSSL_PARAM more[] = {octets(OSSL_KDF_PARAM_SEED, piece), OSSL_PARAM_construct_end()};
    if (EVP_KDF_CTX_set_params(context.get(), more) != 1) return false;
  }
  return EVP_KDF_derive(context.get(), as_uchar(out.data()), out.size(), nullptr) == 1;
}

}  // namespace

std::optional<KeyMaterial> derive_legacy_keys(const LegacyKeySources& sources) {
  Secret<48> master;
  KeyMaterial keys;
  const bool derived =
      tls1_prf(sources.pre_master.expose(),
               {bytes_of("OpenVPN master secret"), sources.client_random1.expose(),
                sources.server_random1.expose()},
               master.expose()) &&
      tls1_prf(master.expose(),
               {bytes_of("OpenVPN key expansion"), sources.client_random2.expose(),
                sources.server_random2.expose(), sources.client_session_id, sources.server_session_id},
               keys.expose());
  if (!derived) drop_openssl_errors();
  if (!derived || !usable_for_data(keys)) return std::nullopt;
  return keys;
}

bool usable_for_data(const KeyMaterial& key) noexcept {
  constexpr std::size_t kShortestCipherKey = 16;
  const auto all_zero = [&key](KeyHalf half) {
    std::byte any{0};
    for (const std::byte byte : cipher_part(key, half).first<kShortestCipherKey>()) any |= byte;
    return any == std::byte{0};
  };
  return !all_zero(KeyHalf::first) && !all_zero(KeyHalf::second);
}

void xor_into(KeyMaterial& key, const KeyMaterial& other) noexcept {
  for (std::size_t i = 0; i < KeyMaterial::kSize; ++i) key.expose()[i] ^= other.expose()[i];
}

void expand_label(std::span<const std::byte> secret, std::string_view label,
                  std::span<std::byte> out) noexcept {
  constexpr std::string_view kPrefix = "ovpn ";
  must_succeed(!secret.empty() && label.size() <= 200 && out.size() <= 255 * kHkdfKeySize);
  // u16 size of the output | u8 size of the label | label | u8 size of the context, which is 0
  std::array<std::byte, 256> info{};
  info[0] = static_cast<std::byte>(out.size() >> 8);
  info[1] = static_cast<std::byte>(out.size() & 0xff);
  info[2] = static_cast<std::byte>(kPrefix.size() + label.size());
  auto end = std::ranges::copy(bytes_of(kPrefix), info.begin() + 3).out;
  end = std::ranges::copy(bytes_of(label), end).out;
  ++end;

  hkdf_expand(secret, std::span(info.begin(), end), out);
}

}  // namespace vpnd::crypto
