#include "crypto/ctr_cipher.hpp"

#include <climits>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {

void apply_aes_256_ctr(std::span<const std::byte, kCtrKeySize> key, std::span<const std::byte, kCtrIvSize> iv,
                       std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  // One per thread: packets of strangers must not cost an allocation each.
  thread_local const CipherContextPtr context(EVP_CIPHER_CTX_new());
  must_succeed(kCipher != nullptr && context != nullptr && out.size() >= in.size() && in.size() <= INT_MAX);
  must_succeed(
      EVP_EncryptInit_ex2(context.get(), kCipher, as_uchar(key.data()), as_uchar(iv.data()), nullptr) == 1);
  if (in.empty()) return;
  int size = 0;
  must_succeed(EVP_EncryptUpdate(context.get(), as_uchar(out.data()), &size, as_uchar(in.data()),
                                 static_cast<int>(in.size())) == 1);
}

}  // namespace vpnd::crypto
