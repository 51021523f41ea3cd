// The OpenSSL back end. What costs time here is not the cipher but the way to it, so: the cipher is fetched
// once per process, the key schedule is made once per key, and each record needs five calls (nonce,
// additional data, text, final, tag), which is as few as OpenSSL 3.0 offers for associated data that is not a
// TLS header.

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include <cassert>
#include <climits>
#include <cstring>
#include <stdexcept>

#include "crypto/aead_library.hpp"
#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {
namespace {

// Implicit fetches walk the provider's tables on every initialisation; these live as long as the process.
const EVP_CIPHER* fetched(AeadAlgorithm algorithm) {
  // In the order of the enumerators.
  static const EVP_CIPHER* const kCiphers[] = {
      EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr),
      EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr),
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr),
      EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr),
  };
  const EVP_CIPHER* cipher = kCiphers[static_cast<std::size_t>(algorithm)];
  if (cipher == nullptr) {
    drop_openssl_errors();
    throw std::runtime_error(fmt::format("this OpenSSL does not offer {}", aead_name(algorithm)));
  }
  return cipher;
}

enum class Direction : std::uint8_t { open = 0, seal = 1 };

CipherContextPtr keyed_context(AeadAlgorithm algorithm, std::span<const std::byte> key, Direction direction) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  if (!context || EVP_CipherInit_ex2(context.get(), fetched(algorithm), as_uchar(key.data()), nullptr,
                                     static_cast<int>(direction), nullptr) != 1) {
    throw std::runtime_error(fmt::format("{}: {}", aead_name(algorithm), take_openssl_errors()));
  }
  return context;
}

// Nonce and additional data: the part both directions begin with.
bool begin(EVP_CIPHER_CTX* context, std::span<const std::byte> nonce,
           std::span<const std::byte> additional_data) noexcept {
  assert(additional_data.size() <= INT_MAX);
  if (EVP_CipherInit_ex2(context, nullptr, nullptr, as_uchar(nonce.data()), -1, nullptr) != 1) return false;
  if (additional_data.empty()) return true;
  int size = 0;
  return EVP_CipherUpdate(context, nullptr, &size, as_uchar(additional_data.data()),
                          static_cast<int>(additional_data.size())) == 1;
}

bool transform(EVP_CIPHER_CTX* context, const std::byte* from, std::byte* to, std::size_t size) noexcept {
  if (size == 0) return true;
  must_succeed(size <= kMaxAeadRecordSize);
  int written = 0;
  return EVP_CipherUpdate(context, as_uchar(to), &written, as_uchar(from), static_cast<int>(size)) == 1 &&
         static_cast<std::size_t>(written) == size;
}

// Given to OpenSSL as the parameter it is. EVP_CIPHER_CTX_ctrl would make one of it, at the cost of 15 ns a
// record.
struct TagParameter {
  // OpenSSL writes through it only when asked for the tag, despite the type.
  explicit TagParameter(const std::byte* tag) noexcept
      : list{OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, const_cast<std::byte*>(tag),
                                               kAeadTagSize),
             OSSL_PARAM_construct_end()} {}
  OSSL_PARAM list[2];
};

bool get_tag(EVP_CIPHER_CTX* context, std::byte* tag) noexcept {
  return EVP_CIPHER_CTX_get_params(context, TagParameter(tag).list) == 1;
}

bool set_tag(EVP_CIPHER_CTX* context, const std::byte* tag) noexcept {
  return EVP_CIPHER_CTX_set_params(context, TagParameter(tag).list) == 1;
}

class EvpSealer final : public AeadSealer {
 public:
  EvpSealer(AeadAlgorithm algorithm, std::span<const std::byte> key)
      : context_(keyed_context(algorithm, key, Direction::seal)) {}

  void seal(std::span<const SealJob> jobs) noexcept override {
    for (const SealJob& job : jobs) must_succeed(seal_one(job));
  }

 private:
  bool seal_one(const SealJob& job) noexcept {
    EVP_CIPHER_CTX* const context = context_.get();
    int size = 0;
    unsigned char none;  // AEAD modes write nothing at the end, but the call wants an address
    return begin(context, job.nonce, job.additional_data) &&
           transform(context, job.plaintext, job.ciphertext, job.size) &&
           EVP_CipherFinal_ex(context, &none, &size) == 1 && get_tag(context, job.tag);
  }

  CipherContextPtr context_;
};

class EvpOpener final : public AeadOpener {
 public:
  EvpOpener(AeadAlgorithm algorithm, std::span<const std::byte> key)
      : context_(keyed_context(algorithm, key, Direction::open)) {}

  void open(std::span<OpenJob> jobs) noexcept override {
    bool any_forged = false;
    for (OpenJob& job : jobs) {
      job.authentic = open_one(job);
      if (job.authentic) continue;
      any_forged = true;
      if (job.size != 0) std::memset(job.plaintext, 0, job.size);
    }
    if (any_forged) drop_openssl_errors();  // or a later TLS call of this thread would report them as its own
  }

 private:
  bool open_one(const OpenJob& job) noexcept {
    EVP_CIPHER_CTX* const context = context_.get();
    int size = 0;
    unsigned char none;
    return begin(context, job.nonce, job.additional_data) &&
           transform(context, job.ciphertext, job.plaintext, job.size) && set_tag(context, job.tag) &&
           EVP_CipherFinal_ex(context, &none, &size) == 1;
  }

  CipherContextPtr context_;
};

class OpenSsl final : public AeadLibrary {
 public:
  std::optional<std::string> why_unavailable() const override { return std::nullopt; }
  bool is_fast(AeadAlgorithm) const override { return false; }
  std::string description() const override {
    return fmt::format("OpenSSL {}", OpenSSL_version(OPENSSL_VERSION_STRING));
  }
  std::unique_ptr<AeadSealer> make_sealer(AeadAlgorithm algorithm,
                                          std::span<const std::byte> key) const override {
    return std::make_unique<EvpSealer>(algorithm, key);
  }
  std::unique_ptr<AeadOpener> make_opener(AeadAlgorithm algorithm,
                                          std::span<const std::byte> key) const override {
    return std::make_unique<EvpOpener>(algorithm, key);
  }
};

}  // namespace

const AeadLibrary& openssl_library() {
  static const OpenSsl library;
  return library;
}

}  // namespace vpnd::crypto
