// The intel-ipsec-mb back end, by the library's direct calls: its job interface keeps several records in
// flight only for ciphers that cannot fill the CPU's pipeline with one, and AES-GCM can. The key schedule is
// made once per key (1 KiB: powers of the hash key for 48 blocks at a time), then a record is one call.
//
// The library checks its arguments, and where it does not like them it returns without a word and without
// having done anything: the text would leave unsealed. So what it checks is checked here first.
//
// One manager serves all threads. The direct calls take nothing from it but their own addresses, which are
// written once, before anybody can see the manager; it has queues for the job interface only. What the calls
// do share is the library's error number, which each resets to 0. It is never read here.

#include <fmt/format.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include <cstring>
#include <memory>

#include "crypto/aead_library.hpp"
#include "crypto/openssl_error.hpp"
#include "crypto/secret.hpp"

namespace vpnd::crypto {
namespace {

using Key = std::span<const std::byte>;

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using ManagerPtr = std::unique_ptr<IMB_MGR, ManagerDeleter>;

// Nothing if memory is out or the library failed its own known-answer tests.
ManagerPtr make_manager() {
  ManagerPtr manager(alloc_mb_mgr(0));
  if (!manager) return nullptr;
  init_mb_mgr_auto(manager.get(), nullptr);
  if (imb_get_errno(manager.get()) != 0) return nullptr;
  const bool tests_itself = (manager->features & IMB_FEATURE_SELF_TEST) != 0;
  if (tests_itself && (manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0) return nullptr;
  return manager;
}

const IMB_MGR* manager() {
  static const ManagerPtr kManager = make_manager();
  return kManager.get();
}

bool cpu_has(std::uint64_t features) {
  return manager() != nullptr && (manager()->features & features) == features;
}

template <typename Scratch>
void wipe_object(Scratch& scratch) noexcept {
  wipe(std::as_writable_bytes(std::span(&scratch, 1)));
}

bool has_place(const void* bytes, std::size_t size) noexcept {
  return size == 0 || bytes != nullptr;
}

// Of either kind of job.
bool is_acceptable(const auto& job) noexcept {
  return job.size <= kMaxAeadRecordSize && has_place(job.plaintext, job.size) &&
         has_place(job.ciphertext, job.size) && job.tag != nullptr &&
         has_place(job.additional_data.data(), job.additional_data.size());
}

const std::uint8_t* as_u8(const std::byte* bytes) noexcept {
  return reinterpret_cast<const std::uint8_t*>(bytes);
}
std::uint8_t* as_u8(std::byte* bytes) noexcept {
  return reinterpret_cast<std::uint8_t*>(bytes);
}

// The functions of one key size, for the CPU at hand.
struct GcmFunctions {
  aes_gcm_pre_t expand_key;
  aes_gcm_enc_dec_t encrypt;
  aes_gcm_enc_dec_t decrypt;
};

GcmFunctions gcm_functions(AeadAlgorithm algorithm) {
  const IMB_MGR& of = *manager();
  if (algorithm == AeadAlgorithm::aes_128_gcm) return {of.gcm128_pre, of.gcm128_enc, of.gcm128_dec};
  if (algorithm == AeadAlgorithm::aes_192_gcm) return {of.gcm192_pre, of.gcm192_enc, of.gcm192_dec};
  return {of.gcm256_pre, of.gcm256_enc, of.gcm256_dec};
}

// One AES key as the library wants it. Seals and opens single records; `Scratch` is what a call works in,
// and is full of secrets afterwards.
class GcmKey {
 public:
  using Scratch = gcm_context_data;

  GcmKey(AeadAlgorithm algorithm, Key key) : functions_(gcm_functions(algorithm)) {
    functions_.expand_key(key.data(), &schedule_);
  }
  ~GcmKey() { wipe_object(schedule_); }
  GcmKey(const GcmKey&) = delete;
  GcmKey& operator=(const GcmKey&) = delete;

  void seal(const SealJob& job, Scratch& scratch) const noexcept {
    functions_.encrypt(&schedule_, &scratch, as_u8(job.ciphertext), as_u8(job.plaintext), job.size,
                       as_u8(job.nonce.data()), as_u8(job.additional_data.data()), job.additional_data.size(),
                       as_u8(job.tag), kAeadTagSize);
  }

  void open(const OpenJob& job, Scratch& scratch, std::byte* expected_tag) const noexcept {
    functions_.decrypt(&schedule_, &scratch, as_u8(job.plaintext), as_u8(job.ciphertext), job.size,
                       as_u8(job.nonce.data()), as_u8(job.additional_data.data()), job.additional_data.size(),
                       as_u8(expected_tag), kAeadTagSize);
  }

 private:
  // The library reads it with aligned loads. Its header says so only where a macro of its own is defined.
  alignas(64) gcm_key_data schedule_{};
  GcmFunctions functions_;
};

// One ChaCha20-Poly1305 key. There is no schedule to make: the cipher starts from the key itself.
class ChaChaKey {
 public:
  using Scratch = chacha20_poly1305_context_data;

  ChaChaKey(AeadAlgorithm, Key key) : key_(key.first<kMaxAeadKeySize>()), manager_(*manager()) {}

  void seal(const SealJob& job, Scratch& scratch) const noexcept {
    begin(job.nonce, job.additional_data, scratch);
    if (job.size != 0) {
      manager_.chacha20_poly1305_enc_update(key_.expose().data(), &scratch, job.ciphertext, job.plaintext,
                                            job.size);
    }
    manager_.chacha20_poly1305_finalize(&scratch, job.tag, kAeadTagSize);
  }

  void open(const OpenJob& job, Scratch& scratch, std::byte* expected_tag) const noexcept {
    begin(job.nonce, job.additional_data, scratch);
    if (job.size != 0) {
      manager_.chacha20_poly1305_dec_update(key_.expose().data(), &scratch, job.plaintext, job.ciphertext,
                                            job.size);
    }
    manager_.chacha20_poly1305_finalize(&scratch, expected_tag, kAeadTagSize);
  }

 private:
  void begin(const std::array<std::byte, kAeadNonceSize>& nonce, std::span<const std::byte> additional_data,
             Scratch& scratch) const noexcept {
    manager_.chacha20_poly1305_init(key_.expose().data(), &scratch, nonce.data(), additional_data.data(),
                                    additional_data.size());
  }

  Secret<kMaxAeadKeySize> key_;
  const IMB_MGR& manager_;
};

template <typename LibraryKey>
class Sealer final : public AeadSealer {
 public:
  Sealer(AeadAlgorithm algorithm, Key key) : key_(algorithm, key) {}

  void seal(std::span<const SealJob> jobs) noexcept override {
    typename LibraryKey::Scratch scratch;
    for (const SealJob& job : jobs) {
      must_succeed(is_acceptable(job));
      key_.seal(job, scratch);
    }
    wipe_object(scratch);
  }

 private:
  LibraryKey key_;
};

template <typename LibraryKey>
class Opener final : public AeadOpener {
 public:
  Opener(AeadAlgorithm algorithm, Key key) : key_(algorithm, key) {}

  void open(std::span<OpenJob> jobs) noexcept override {
    typename LibraryKey::Scratch scratch;
    std::array<std::byte, kAeadTagSize> expected_tag;
    for (OpenJob& job : jobs) {
      must_succeed(is_acceptable(job));
      key_.open(job, scratch, expected_tag.data());
      job.authentic = CRYPTO_memcmp(expected_tag.data(), job.tag, kAeadTagSize) == 0;
      if (!job.authentic && job.size != 0) std::memset(job.plaintext, 0, job.size);
    }
    wipe_object(scratch);
    wipe(expected_tag);  // that of a forged record would let its sender forge another
  }

 private:
  LibraryKey key_;
};

// Without these instructions the library falls back to tables in memory, whose timing tells of the key.
constexpr std::uint64_t kNeeded = IMB_CPUFLAGS_SSE;
// Measured against OpenSSL 3.0: its GCM is the faster one from AVX2 on, and the more so with VAES. Its
// ChaCha20 only where it has AVX-512 and Poly1305 by the 52-bit multiplier; on AVX2 it takes twice the time
// of OpenSSL's.
constexpr std::uint64_t kFastGcm = IMB_CPUFLAGS_AVX2;
constexpr std::uint64_t kFastChaCha = IMB_CPUFLAGS_AVX512_T2;

class IpsecMb final : public AeadLibrary {
 public:
  std::optional<std::string> why_unavailable() const override {
    if (manager() == nullptr) return "ipsec-mb failed its self-test";
    if (!cpu_has(kNeeded)) return "ipsec-mb needs a CPU with AES-NI, PCLMULQDQ and SSE4.2";
    return std::nullopt;
  }

  bool is_fast(AeadAlgorithm algorithm) const override {
    return cpu_has(algorithm == AeadAlgorithm::chacha20_poly1305 ? kFastChaCha : kFastGcm);
  }

  std::string description() const override {
    return fmt::format("ipsec-mb {} ({})", imb_get_version_str(), instructions());
  }

  std::unique_ptr<AeadSealer> make_sealer(AeadAlgorithm algorithm, Key key) const override {
    if (algorithm == AeadAlgorithm::chacha20_poly1305) {
      return std::make_unique<Sealer<ChaChaKey>>(algorithm, key);
    }
    return std::make_unique<Sealer<GcmKey>>(algorithm, key);
  }

  std::unique_ptr<AeadOpener> make_opener(AeadAlgorithm algorithm, Key key) const override {
    if (algorithm == AeadAlgorithm::chacha20_poly1305) {
      return std::make_unique<Opener<ChaChaKey>>(algorithm, key);
    }
    return std::make_unique<Opener<GcmKey>>(algorithm, key);
  }

 private:
  static const char* instructions() {
    if (cpu_has(IMB_CPUFLAGS_AVX512_T2)) return "VAES, AVX-512";
    if (cpu_has(IMB_CPUFLAGS_AVX512)) return "AES-NI, AVX-512";
    if (cpu_has(IMB_CPUFLAGS_AVX2)) return "AES-NI, AVX2";
    if (cpu_has(IMB_CPUFLAGS_AVX)) return "AES-NI, AVX";
    return "AES-NI, SSE";
  }
};

}  // namespace

const AeadLibrary& ipsec_mb_library() {
  static const IpsecMb library;
  return library;
}

}  // namespace vpnd::crypto
