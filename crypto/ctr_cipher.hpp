// AES-256 in counter mode, as tls-crypt and tls-crypt-v2 use it. Not authenticated: only for the two of them.
#pragma once

#include <cstddef>
#include <span>

namespace vpnd::crypto {

inline constexpr std::size_t kCtrKeySize = 32;
inline constexpr std::size_t kCtrIvSize = 16;

// Encrypts or decrypts (it is the same) `in` to the front of `out`. Aborts if `out` is smaller than `in`. Any
// thread.
void apply_aes_256_ctr(std::span<const std::byte, kCtrKeySize> key, std::span<const std::byte, kCtrIvSize> iv,
                       std::span<const std::byte> in, std::span<std::byte> out) noexcept;

}  // namespace vpnd::crypto
