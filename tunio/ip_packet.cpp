#include "tunio/ip_packet.hpp"

#include "tunio/byte_order.hpp"

namespace vpnd::tunio {

namespace {

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;

// No sender needs more (RFC 8200 names each at most once, destination options twice); a limit keeps a packet
// of many tiny headers cheap.
constexpr int kMaxExtensionHeaders = 8;

constexpr std::size_t kFragmentHeaderSize = 8;

unsigned version(std::span<const std::byte> bytes) noexcept {
  return std::to_integer<unsigned>(bytes[0]) >> 4;
}

}  // namespace

std::optional<std::size_t> claimed_length(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kIpv4HeaderSize) return std::nullopt;
  if (version(bytes) == 4) {
    const std::size_t length = load_be16(&bytes[2]);
    return length >= kIpv4HeaderSize ? std::optional(length) : std::nullopt;
  }
  if (version(bytes) == 6) return kIpv6HeaderSize + load_be16(&bytes[4]);
  return std::nullopt;
}

std::optional<IpPacket> IpPacket::parse(std::span<const std::byte> bytes) noexcept {
  const auto length = claimed_length(bytes);
  if (!length || *length > bytes.size()) return std::nullopt;
  IpPacket packet;
  packet.bytes_ = bytes.first(*length);
  if (version(bytes) == 4) {
    if (!packet.read_v4()) return std::nullopt;
  } else {
    packet.read_v6();
  }
  return packet;
}

IpAddress IpPacket::address_at(std::size_t offset) const noexcept {
  return is_v4() ? IpAddress::v4(std::span<const std::byte, 4>(&bytes_[offset], 4))
                 : IpAddress::v6(std::span<const std::byte, 16>(&bytes_[offset], 16));
}

std::uint8_t IpPacket::traffic_class() const noexcept {
  if (is_v4()) return std::to_integer<std::uint8_t>(bytes_[1]);
  return static_cast<std::uint8_t>(load_be16(bytes_.data()) >> 4);  // the octet lies across the first two
}

bool IpPacket::read_v4() noexcept {
  const std::size_t header_size = std::to_integer<std::size_t>(bytes_[0] & std::byte{0x0f}) * 4;
  if (header_size < kIpv4HeaderSize || header_size > bytes_.size()) return false;
  const std::uint16_t fragment = load_be16(&bytes_[6]);
  const bool is_first = (fragment & 0x1fff) == 0;
  const bool more_follow = (fragment & 0x2000) != 0;
  family_ = IpFamily::v4;
  protocol_ = std::to_integer<std::uint8_t>(bytes_[9]);
  transport_offset_ = static_cast<std::uint16_t>(header_size);
  has_options_ = header_size > kIpv4HeaderSize;
  is_fragment_ = more_follow || !is_first;
  has_transport_ = is_first;
  return true;
}

// Follows the extension headers. A chain that leaves the packet or is too long does not make the packet
// invalid, since routing needs the addresses only; it merely has no transport header for us.
void IpPacket::read_v6() noexcept {
  family_ = IpFamily::v6;
  std::uint8_t next = std::to_integer<std::uint8_t>(bytes_[6]);
  std::size_t offset = kIpv6HeaderSize;
  for (int headers = 0;; ++headers) {
    protocol_ = next;
    transport_offset_ = static_cast<std::uint16_t>(offset);
    const bool is_extension = next == kHopByHop || next == kRouting || next == kFragment ||
                              next == kAuthentication || next == kDestinationOptions;
    if (!is_extension) return;

    has_options_ = true;
    has_transport_ = false;  // until the chain has been followed to its end
    if (headers == kMaxExtensionHeaders || bytes_.size() - offset < 8) return;
    const std::byte* const header = &bytes_[offset];
    const std::size_t length = std::to_integer<std::size_t>(header[1]);
    std::size_t size = (length + 1) * 8;
    if (next == kAuthentication) size = (length + 2) * 4;
    if (next == kFragment) {
      size = kFragmentHeaderSize;
      is_fragment_ = true;
      const bool is_first = (load_be16(header + 2) & 0xfff8) == 0;
      if (!is_first) return;
    }
    if (size > bytes_.size() - offset) return;
    next = std::to_integer<std::uint8_t>(header[0]);
    offset += size;
    has_transport_ = true;
  }
}

std::optional<std::size_t> tcp_header_size(std::span<const std::byte> transport) noexcept {
  if (transport.size() < kTcpHeaderSize) return std::nullopt;
  const std::size_t size = std::to_integer<std::size_t>(transport[12] >> 4) * 4;
  if (size < kTcpHeaderSize || size > transport.size()) return std::nullopt;
  return size;
}

}  // namespace vpnd::tunio
