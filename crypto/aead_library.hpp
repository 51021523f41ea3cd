// What a library of AEADs offers to the choice between them. For use inside crypto and by its tests.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "crypto/aead.hpp"

namespace vpnd::crypto {

// Immutable, for any thread, and alive as long as the process.
class AeadLibrary {
 public:
  AeadLibrary() = default;
  AeadLibrary(const AeadLibrary&) = delete;
  AeadLibrary& operator=(const AeadLibrary&) = delete;
  virtual ~AeadLibrary() = default;

  virtual std::optional<std::string> why_unavailable() const = 0;
  // This CPU runs its fast code for the algorithm, which beats OpenSSL's.
  virtual bool is_fast(AeadAlgorithm algorithm) const = 0;
  // Name, version and the CPU's features in use.
  virtual std::string description() const = 0;

  // The key has the right size. Throws std::runtime_error if the library lacks the algorithm.
  virtual std::unique_ptr<AeadSealer> make_sealer(AeadAlgorithm algorithm,
                                                  std::span<const std::byte> key) const = 0;
  virtual std::unique_ptr<AeadOpener> make_opener(AeadAlgorithm algorithm,
                                                  std::span<const std::byte> key) const = 0;
};

const AeadLibrary& openssl_library();
const AeadLibrary& ipsec_mb_library();

}  // namespace vpnd::crypto
