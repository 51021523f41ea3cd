#include "crypto/hkdf.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {
namespace {

constexpr std::size_t kMaxOutputSize = 255 * kHkdfKeySize;  // RFC 5869 §2.3

OSSL_PARAM octets(const char* name, std::span<const std::byte> bytes) noexcept {
  // The library only reads; its type cannot say so.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()), bytes.size());
}

// One of the two halves of HKDF. Fails only when memory is out or the library is broken.
void derive(const char* half, std::span<const std::byte> key, std::span<const std::byte> info,
            std::span<std::byte> out) noexcept {
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const KdfContextPtr context(EVP_KDF_CTX_new(kdf));
  EVP_KDF_free(kdf);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, const_cast<char*>(half), 0),
      octets(OSSL_KDF_PARAM_KEY, key),
      octets(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end(),
  };
  must_succeed(context != nullptr &&
               EVP_KDF_derive(context.get(), as_uchar(out.data()), out.size(), parameters) == 1);
}

}  // namespace

Secret<kHkdfKeySize> hkdf_extract(std::span<const std::byte> secret) noexcept {
  must_succeed(!secret.empty());
  Secret<kHkdfKeySize> key;
  derive("EXTRACT_ONLY", secret, {}, key.expose());
  return key;
}

void hkdf_expand(std::span<const std::byte> key, std::span<const std::byte> info,
                 std::span<std::byte> out) noexcept {
  must_succeed(!key.empty() && out.size() <= kMaxOutputSize);
  derive("EXPAND_ONLY", key, info, out);
}

}  // namespace vpnd::crypto
