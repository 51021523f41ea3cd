// Random bytes from the operating system's generator by way of OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace vpnd::crypto {

// Fills `out`. Aborts when no randomness is to be had: there is no safe way to go on. Any thread may call.
void fill_random(std::span<std::byte> out) noexcept;

template <std::size_t N>
[[nodiscard]] std::array<std::byte, N> random_bytes() noexcept {
  std::array<std::byte, N> out;
  fill_random(out);
  return out;
}

}  // namespace vpnd::crypto
