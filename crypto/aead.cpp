// Names and sizes of the AEADs, and which library makes their keys.

#include "crypto/aead.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <atomic>
#include <stdexcept>

#include "crypto/aead_library.hpp"

namespace vpnd::crypto {
namespace {

struct Properties {
  AeadAlgorithm algorithm;
  std::string_view name;
  std::size_t key_size;
};

// In the order of the enumerators.
constexpr Properties kAlgorithms[] = {
    {AeadAlgorithm::aes_128_gcm, "AES-128-GCM", 16},
    {AeadAlgorithm::aes_192_gcm, "AES-192-GCM", 24},
    {AeadAlgorithm::aes_256_gcm, "AES-256-GCM", 32},
    {AeadAlgorithm::chacha20_poly1305, "CHACHA20-POLY1305", 32},
};

const Properties& properties_of(AeadAlgorithm algorithm) noexcept {
  return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

// Set at start and at a reload, read whenever a key is made.
constinit std::atomic<AeadBackend> g_wanted{AeadBackend::automatic};

bool automatic_takes_ipsec_mb(AeadAlgorithm algorithm) {
  const AeadLibrary& ipsec_mb = ipsec_mb_library();
  return !ipsec_mb.why_unavailable() && ipsec_mb.is_fast(algorithm);
}

const AeadLibrary& library_of(AeadBackend backend) {
  return backend == AeadBackend::ipsec_mb ? ipsec_mb_library() : openssl_library();
}

const AeadLibrary& library_for_key(AeadAlgorithm algorithm, std::span<const std::byte> key) {
  if (key.size() != aead_key_size(algorithm)) {
    throw std::runtime_error(fmt::format("{} needs a key of {} bytes, not {}", aead_name(algorithm),
                                         aead_key_size(algorithm), key.size()));
  }
  return library_of(chosen_aead_backend(algorithm));
}

std::string describe_automatic() {
  const bool gcm = automatic_takes_ipsec_mb(AeadAlgorithm::aes_256_gcm);
  const bool chacha = automatic_takes_ipsec_mb(AeadAlgorithm::chacha20_poly1305);
  const std::string openssl = openssl_library().description();
  std::string ipsec_mb = ipsec_mb_library().description();
  if (gcm && chacha) return ipsec_mb;
  if (gcm) return fmt::format("{} for AES-GCM, {} for CHACHA20-POLY1305", ipsec_mb, openssl);
  const auto obstacle = ipsec_mb_library().why_unavailable();
  return fmt::format("{} ({})", openssl, obstacle.value_or("ipsec-mb has no faster code for this CPU"));
}

}  // namespace

std::optional<AeadAlgorithm> aead_from_name(std::string_view name) noexcept {
  for (const Properties& known : kAlgorithms) {
    if (name.size() == known.name.size() && strncasecmp(name.data(), known.name.data(), name.size()) == 0) {
      return known.algorithm;
    }
  }
  return std::nullopt;
}

std::string_view aead_name(AeadAlgorithm algorithm) noexcept {
  return properties_of(algorithm).name;
}

std::size_t aead_key_size(AeadAlgorithm algorithm) noexcept {
  return properties_of(algorithm).key_size;
}

std::optional<std::string> why_unavailable(AeadBackend backend) {
  return library_of(backend).why_unavailable();
}

void choose_aead_backend(AeadBackend backend) {
  if (const auto obstacle = why_unavailable(backend)) throw std::runtime_error(*obstacle);
  g_wanted = backend;
}

AeadBackend chosen_aead_backend(AeadAlgorithm algorithm) {
  const AeadBackend wanted = g_wanted;
  if (wanted != AeadBackend::automatic) return wanted;
  return automatic_takes_ipsec_mb(algorithm) ? AeadBackend::ipsec_mb : AeadBackend::openssl;
}

std::string describe_aead_backend() {
  const AeadBackend wanted = g_wanted;
  return wanted == AeadBackend::automatic ? describe_automatic() : library_of(wanted).description();
}

std::unique_ptr<AeadSealer> make_sealer(AeadAlgorithm algorithm, std::span<const std::byte> key) {
  return library_for_key(algorithm, key).make_sealer(algorithm, key);
}

std::unique_ptr<AeadOpener> make_opener(AeadAlgorithm algorithm, std::span<const std::byte> key) {
  return library_for_key(algorithm, key).make_opener(algorithm, key);
}

}  // namespace vpnd::crypto
