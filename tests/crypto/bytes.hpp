// Byte strings for tests of wire formats.
#pragma once

#include <openssl/sha.h>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/static_key.hpp"

namespace vpnd::test {

using Bytes = std::vector<std::byte>;

inline Bytes from_hex(std::string_view text) {
  const auto digit = [](char c) {
    const auto value = std::string_view("0123456789abcdef").find(c);
    if (value == std::string_view::npos) throw std::invalid_argument("not hex");
    return static_cast<unsigned>(value);
  };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return bytes;
}

inline std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

inline std::string sha256_hex(std::span<const std::byte> bytes) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return to_hex(digest);
}

// first, first + 1, … (mod 256)
inline Bytes counting(std::size_t size, unsigned first = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((first + i) & 0xff);
  return bytes;
}

// The key of every known answer: 00 01 02 … ff.
inline crypto::KeyMaterial vector_key() {
  return crypto::KeyMaterial(std::span<const std::byte, 256>(counting(256).data(), 256));
}

}  // namespace vpnd::test
