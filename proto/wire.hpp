// Reading and writing of big-endian fields in a bounded buffer. Both carry a sticky failure, so that a parser
// reads straight down and asks once at its end whether everything it read was really there.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vpnd::proto {

// Reads from a borrowed buffer. Reading past the end yields zeros or an empty span and makes ok() false for
// good.
class WireReader {
 public:
  explicit constexpr WireReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  constexpr std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(integer(1)); }
  constexpr std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(integer(2)); }
  constexpr std::uint32_t u32() noexcept { return integer(4); }

  constexpr std::span<const std::byte> bytes(std::size_t size) noexcept {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  // Fills `out` completely, or leaves it alone and fails.
  constexpr void copy_to(std::span<std::byte> out) noexcept {
    const auto taken = bytes(out.size());
    if (ok_) std::copy(taken.begin(), taken.end(), out.begin());
  }

  constexpr std::span<const std::byte> rest() const noexcept { return rest_; }
  constexpr bool ok() const noexcept { return ok_; }

 private:
  constexpr std::uint32_t integer(std::size_t size) noexcept {
    std::uint32_t value = 0;
    for (const std::byte byte : bytes(size)) value = value << 8 | std::to_integer<std::uint32_t>(byte);
    return value;
  }

  std::span<const std::byte> rest_;
  bool ok_ = true;
};

// Writes into a borrowed buffer. Writing past the end writes nothing more and makes ok() false for good.
class WireWriter {
 public:
  explicit constexpr WireWriter(std::span<std::byte> buffer) noexcept : buffer_(buffer) {}

  constexpr void u8(std::uint8_t value) noexcept { integer(value, 1); }
  constexpr void u16(std::uint16_t value) noexcept { integer(value, 2); }
  constexpr void u32(std::uint32_t value) noexcept { integer(value, 4); }

  constexpr void bytes(std::span<const std::byte> bytes) noexcept {
    if (!ok_ || bytes.size() > buffer_.size() - size_) {
      ok_ = false;
      return;
    }
    std::copy(bytes.begin(), bytes.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  }

  constexpr std::size_t size() const noexcept { return size_; }  // bytes written so far
  constexpr bool ok() const noexcept { return ok_; }

 private:
  constexpr void integer(std::uint32_t value, std::size_t size) noexcept {
    std::byte octets[4] = {};
    for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::byte>(value >> (8 * (size - 1 - i)));
    bytes(std::span(octets).first(size));
  }

  std::span<std::byte> buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace vpnd::proto
