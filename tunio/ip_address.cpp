#include "tunio/ip_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

namespace vpnd::tunio {

namespace {

// splitmix64's finaliser: the tables these hashes serve hold addresses that differ in few bits.
std::uint64_t mixed(std::uint64_t value) noexcept {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated.begin());
  std::array<std::byte, 16> bytes{};
  if (inet_pton(AF_INET, terminated.data(), bytes.data()) == 1) return v4(std::span(bytes).first<4>());
  if (inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

bool IpAddress::is_unspecified() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == std::byte{127};
  return bytes_[15] == std::byte{1} && masked(120).is_unspecified();
}

bool IpAddress::is_link_local() const noexcept {
  if (is_v4()) return bytes_[0] == std::byte{169} && bytes_[1] == std::byte{254};
  return bytes_[0] == std::byte{0xfe} && (bytes_[1] & std::byte{0xc0}) == std::byte{0x80};
}

bool IpAddress::is_multicast() const noexcept {
  return is_v4() ? (bytes_[0] & std::byte{0xf0}) == std::byte{0xe0} : bytes_[0] == std::byte{0xff};
}

IpAddress IpAddress::without_v4_mapping() const noexcept {
  const bool mapped = is_v6() && masked(80).is_unspecified() && bytes_[10] == std::byte{0xff} &&
                      bytes_[11] == std::byte{0xff};
  return mapped ? v4(std::span(bytes_).last<4>()) : *this;
}

IpAddress IpAddress::masked(std::uint8_t length) const noexcept {
  IpAddress result = *this;
  const std::size_t whole = length / 8U;
  if (whole >= result.bytes_.size()) return result;
  result.bytes_[whole] &= static_cast<std::byte>(0xff00U >> length % 8U & 0xffU);
  std::fill(result.bytes_.begin() + static_cast<std::ptrdiff_t>(whole) + 1, result.bytes_.end(),
            std::byte{0});
  return result;
}

IpAddress IpAddress::plus(std::uint64_t offset) const noexcept {
  IpAddress result = *this;
  std::uint64_t carry = offset;
  for (std::size_t i = bytes().size(); i-- > 0 && carry != 0;) {
    const std::uint64_t low = (carry & 0xff) + std::to_integer<std::uint64_t>(bytes_[i]);
    result.bytes_[i] = static_cast<std::byte>(low & 0xff);
    carry = (carry >> 8) + (low >> 8);
  }
  return result;
}

std::string IpAddress::format() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

IpAddress netmask_v4(std::uint8_t length) noexcept {
  return IpAddress::v4(0xffffffffU).masked(length);
}

std::optional<std::uint8_t> prefix_length(const IpAddress& netmask) noexcept {
  if (!netmask.is_v4()) return std::nullopt;
  const int length = std::countl_one(netmask.v4_value());
  if (std::popcount(netmask.v4_value()) != length) return std::nullopt;
  return static_cast<std::uint8_t>(length);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Prefix{*address, address->bits()};

  const std::string_view digits = text.substr(slash + 1);
  std::uint8_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool all_used = end == digits.data() + digits.size();
  if (error != std::errc{} || !all_used || length > address->bits()) return std::nullopt;
  return Prefix{*address, length};
}

std::string Prefix::format() const {
  return fmt::format("{}/{}", address.format(), length);
}

}  // namespace vpnd::tunio

std::size_t std::hash<vpnd::tunio::IpAddress>::operator()(
    const vpnd::tunio::IpAddress& address) const noexcept {
  using vpnd::tunio::mixed;
  if (address.is_v4()) return mixed(address.v4_value());
  std::array<std::uint64_t, 2> halves;
  std::memcpy(halves.data(), address.bytes().data(), sizeof halves);
  return mixed(mixed(halves[0]) ^ halves[1]);
}

std::size_t std::hash<vpnd::tunio::Prefix>::operator()(const vpnd::tunio::Prefix& prefix) const noexcept {
  return vpnd::tunio::mixed(std::hash<vpnd::tunio::IpAddress>{}(prefix.address) ^ prefix.length);
}
