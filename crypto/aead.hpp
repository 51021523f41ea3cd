// Authenticated encryption of batches of records. A batch is the unit of the interface, so that a back end
// may keep several records in the CPU's pipeline. Nothing here knows of packets: nonces are the caller's
// business, and each may be used only once per key.
//
// A sealer or opener belongs to one key and is used by one thread at a time. Two libraries can do the work,
// and what one seals the other opens (docs/decisions/0004-aead-back-ends.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vpnd::crypto {

inline constexpr std::size_t kAeadTagSize = 16;
inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kMaxAeadKeySize = 32;
// What one record may hold: far above any packet, far below any cipher's limit.
inline constexpr std::size_t kMaxAeadRecordSize = std::size_t{1} << 30;

enum class AeadAlgorithm : std::uint8_t { aes_128_gcm, aes_192_gcm, aes_256_gcm, chacha20_poly1305 };

// By the name used on the wire and in configurations, in any case: "AES-256-GCM".
[[nodiscard]] std::optional<AeadAlgorithm> aead_from_name(std::string_view name) noexcept;
[[nodiscard]] std::string_view aead_name(AeadAlgorithm algorithm) noexcept;
[[nodiscard]] std::size_t aead_key_size(AeadAlgorithm algorithm) noexcept;

struct SealJob {
  std::array<std::byte, kAeadNonceSize> nonce;
  std::span<const std::byte> additional_data;
  const std::byte* plaintext;  // `size` bytes
  std::byte* ciphertext;       // `size` bytes; the same as plaintext, or not overlapping it
  std::size_t size;            // 0 is allowed
  std::byte* tag;              // kAeadTagSize bytes
};

struct OpenJob {
  std::array<std::byte, kAeadNonceSize> nonce;
  std::span<const std::byte> additional_data;
  const std::byte* ciphertext;
  std::byte* plaintext;  // the same as ciphertext, or not overlapping it; zeroed when not authentic
  std::size_t size;
  const std::byte* tag;
  bool authentic;  // out
};

class AeadSealer {
 public:
  AeadSealer() = default;
  AeadSealer(const AeadSealer&) = delete;
  AeadSealer& operator=(const AeadSealer&) = delete;
  virtual ~AeadSealer() = default;

  // Seals every job. Cannot fail: a back end that meets an internal error aborts, for otherwise plaintext
  // might leave.
  virtual void seal(std::span<const SealJob> jobs) noexcept = 0;
};

class AeadOpener {
 public:
  AeadOpener() = default;
  AeadOpener(const AeadOpener&) = delete;
  AeadOpener& operator=(const AeadOpener&) = delete;
  virtual ~AeadOpener() = default;

  // Opens every job and says of each whether it is authentic. Tags are compared in constant time.
  virtual void open(std::span<OpenJob> jobs) noexcept = 0;
};

// Which library seals and opens. `automatic` is for each algorithm the faster one that this CPU can run.
enum class AeadBackend : std::uint8_t { automatic, openssl, ipsec_mb };

// Why a back end cannot be used in this build or on this CPU, with the remedy if there is one; nothing if it
// can.
[[nodiscard]] std::optional<std::string> why_unavailable(AeadBackend backend);

// For keys made from now on, by any thread. `automatic` until called. Throws std::runtime_error, saying
// why_unavailable(), and changes nothing, if the back end cannot be used.
void choose_aead_backend(AeadBackend backend);

// The library behind keys of this algorithm: openssl or ipsec_mb.
[[nodiscard]] AeadBackend chosen_aead_backend(AeadAlgorithm algorithm);

// What was chosen and what it makes use of, for the log: "ipsec-mb 1.3.0 (VAES, AVX-512)".
[[nodiscard]] std::string describe_aead_backend();

// `key` has aead_key_size() bytes and need not outlive the call. Throws std::runtime_error if the key has
// another size or the back end lacks the algorithm.
[[nodiscard]] std::unique_ptr<AeadSealer> make_sealer(AeadAlgorithm algorithm,
                                                      std::span<const std::byte> key);
[[nodiscard]] std::unique_ptr<AeadOpener> make_opener(AeadAlgorithm algorithm,
                                                      std::span<const std::byte> key);

}  // namespace vpnd::crypto
