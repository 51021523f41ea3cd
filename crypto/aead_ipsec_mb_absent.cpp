// Stands in for aead_ipsec_mb.cpp where the library is not to be had: it is for x86-64 only.

#include <stdexcept>

#include "crypto/aead_library.hpp"

namespace vpnd::crypto {
namespace {

constexpr const char* kAbsent = "vpnd was built without ipsec-mb";

class NoIpsecMb final : public AeadLibrary {
 public:
  std::optional<std::string> why_unavailable() const override { return kAbsent; }
  bool is_fast(AeadAlgorithm) const override { return false; }
  std::string description() const override { return "no ipsec-mb"; }
  std::unique_ptr<AeadSealer> make_sealer(AeadAlgorithm, std::span<const std::byte>) const override {
    throw std::runtime_error(kAbsent);
  }
  std::unique_ptr<AeadOpener> make_opener(AeadAlgorithm, std::span<const std::byte>) const override {
    throw std::runtime_error(kAbsent);
  }
};

}  // namespace

const AeadLibrary& ipsec_mb_library() {
  static const NoIpsecMb library;
  return library;
}

}  // namespace vpnd::crypto
