// HKDF-SHA256 (RFC 5869): keys for several uses out of one secret.
#pragma once

#include <cstddef>
#include <span>

#include "crypto/secret.hpp"

namespace vpnd::crypto {

inline constexpr std::size_t kHkdfKeySize = 32;

// HKDF-Extract without salt: `secret`, of at least 1 byte, made into a key for hkdf_expand().
[[nodiscard]] Secret<kHkdfKeySize> hkdf_extract(std::span<const std::byte> secret) noexcept;

// HKDF-Expand: fills `out`, of at most 8160 bytes. Whatever differs in `info` has nothing to do with each
// other. `key` has at least 1 byte.
void hkdf_expand(std::span<const std::byte> key, std::span<const std::byte> info,
                 std::span<std::byte> out) noexcept;

}  // namespace vpnd::crypto
