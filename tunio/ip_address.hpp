#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vpnd::tunio {

enum class IpFamily : std::uint8_t { v4, v6 };

// Bits of an address of the family: 32 or 128.
constexpr std::uint8_t address_bits(IpFamily family) noexcept {
  return family == IpFamily::v4 ? 32 : 128;
}

// An IPv4 or IPv6 address, a plain value. Default: 0.0.0.0. Ordered by family, then numerically.
class IpAddress {
 public:
  constexpr IpAddress() = default;

  // `value` in host order: 0x0a080001 is 10.8.0.1.
  static constexpr IpAddress v4(std::uint32_t value) noexcept {
    IpAddress address;
    for (unsigned i = 0; i < 4; ++i) address.bytes_[i] = static_cast<std::byte>(value >> (24 - 8 * i) & 0xff);
    return address;
  }
  static constexpr IpAddress v4(std::span<const std::byte, 4> bytes) noexcept {
    IpAddress address;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
  }
  static constexpr IpAddress v6(std::span<const std::byte, 16> bytes) noexcept {
    IpAddress address;
    address.family_ = IpFamily::v6;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
  }

  // The usual text forms, without brackets, zone, prefix length or blanks.
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr IpFamily family() const noexcept { return family_; }
  constexpr bool is_v4() const noexcept { return family_ == IpFamily::v4; }
  constexpr bool is_v6() const noexcept { return family_ == IpFamily::v6; }
  constexpr std::uint8_t bits() const noexcept { return address_bits(family_); }

  // Network order, 4 or 16 bytes; lives as long as the address.
  constexpr std::span<const std::byte> bytes() const noexcept {
    return std::span(bytes_).first(is_v4() ? std::size_t{4} : std::size_t{16});
  }
  // Host order; only for v4.
  constexpr std::uint32_t v4_value() const noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes_[i]);
    return value;
  }

  bool is_unspecified() const noexcept;
  bool is_loopback() const noexcept;
  bool is_link_local() const noexcept;
  bool is_multicast() const noexcept;

  // ::ffff:a.b.c.d becomes a.b.c.d, everything else stays.
  IpAddress without_v4_mapping() const noexcept;
  // The address with all but the first `length` bits zero; length ≤ bits().
  IpAddress masked(std::uint8_t length) const noexcept;
  // The address `offset` further on, modulo the size of the address space.
  IpAddress plus(std::uint64_t offset) const noexcept;

  // "10.8.0.1", "fd00::1" (RFC 5952).
  std::string format() const;

  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  IpFamily family_ = IpFamily::v4;
  std::array<std::byte, 16> bytes_{};  // v4: the first four, the rest zero
};

// The netmask of a prefix length; length ≤ 32.
IpAddress netmask_v4(std::uint8_t length) noexcept;
// 255.255.255.0 → 24; nothing for v6 and for masks with holes.
std::optional<std::uint8_t> prefix_length(const IpAddress& netmask) noexcept;

// A network: the address may carry host bits, `network()` has none.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  // "10.8.0.0/24", "fd00::/64"; without "/n" a single host.
  static std::optional<Prefix> parse(std::string_view text);

  IpFamily family() const noexcept { return address.family(); }
  Prefix network() const noexcept { return {address.masked(length), length}; }
  bool contains(const IpAddress& other) const noexcept {
    return other.family() == address.family() && other.masked(length) == address.masked(length);
  }
  bool contains(const Prefix& other) const noexcept {
    return other.length >= length && contains(other.address);
  }
  std::string format() const;

  auto operator<=>(const Prefix&) const = default;
};

}  // namespace vpnd::tunio

template <>
struct std::hash<vpnd::tunio::IpAddress> {
  std::size_t operator()(const vpnd::tunio::IpAddress& address) const noexcept;
};

template <>
struct std::hash<vpnd::tunio::Prefix> {
  std::size_t operator()(const vpnd::tunio::Prefix& prefix) const noexcept;
};
