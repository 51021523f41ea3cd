#include "proto/key_usage.hpp"

namespace vpnd::proto {

// With p = 2^-57 and l, the blocks of a packet, at most 2^12. AES-GCM: blocks and packets together at most
// p^(1/2) * 2^64.5 = 2^36, forgeries at most p * 2^127 / l = 2^58, of which 2^36 is enough.
// ChaCha20-Poly1305: forgeries at most p * 2^103 / l = 2^34.
DataKeyLimits DataKeyLimits::of(crypto::AeadAlgorithm algorithm) noexcept {
  if (algorithm == crypto::AeadAlgorithm::chacha20_poly1305)
    return {.max_failed_tags = std::uint64_t{1} << 34};
  return {.max_blocks = std::uint64_t{1} << 36};
}

}  // namespace vpnd::proto
