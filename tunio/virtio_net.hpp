// The virtio-net header in front of every packet of a tun device opened with IFF_VNET_HDR.
//
//   0       1          2         4          6            8             10
//   +-------+----------+---------+----------+------------+-------------+
//   | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset |   little-endian (TUNSETVNETLE)
//   +-------+----------+---------+----------+------------+-------------+
//
// <linux/virtio_net.h> of Debian 12 is not valid C++ (a member is named `class`) and lacks UDP_L4, so the
// constants stand here.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vpnd::tunio {

// Flag: the checksum field at csum_start + csum_offset holds only the pseudo-header sum.
inline constexpr std::uint8_t kVirtioNeedsChecksum = 1;
// Flag: the sender of the header vouches for the checksums.
inline constexpr std::uint8_t kVirtioDataValid = 2;

inline constexpr std::uint8_t kVirtioGsoNone = 0;
inline constexpr std::uint8_t kVirtioGsoTcpV4 = 1;
inline constexpr std::uint8_t kVirtioGsoTcpV6 = 4;
inline constexpr std::uint8_t kVirtioGsoUdpL4 = 5;
// Joined to a TCP type when the packet carries CWR.
inline constexpr std::uint8_t kVirtioGsoEcn = 0x80;

inline constexpr std::size_t kVirtioNetHeaderSize = 10;

// Fields in host order. All zero = a plain packet whose checksums are complete.
struct VirtioNetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = kVirtioGsoNone;
  std::uint16_t hdr_len = 0;      // Headers up to the payload. Unreliable when read: recompute it.
  std::uint16_t gso_size = 0;     // Payload bytes of each segment.
  std::uint16_t csum_start = 0;   // Where summing begins, from the start of the packet.
  std::uint16_t csum_offset = 0;  // Where the checksum goes, from csum_start.

  bool operator==(const VirtioNetHeader&) const = default;
};

namespace detail {
constexpr std::uint16_t load_le16(std::span<const std::byte, kVirtioNetHeaderSize> bytes,
                                  std::size_t at) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) |
                                    std::to_integer<unsigned>(bytes[at + 1]) << 8);
}
}  // namespace detail

constexpr VirtioNetHeader decode_virtio_net(std::span<const std::byte, kVirtioNetHeaderSize> bytes) noexcept {
  return {.flags = std::to_integer<std::uint8_t>(bytes[0]),
          .gso_type = std::to_integer<std::uint8_t>(bytes[1]),
          .hdr_len = detail::load_le16(bytes, 2),
          .gso_size = detail::load_le16(bytes, 4),
          .csum_start = detail::load_le16(bytes, 6),
          .csum_offset = detail::load_le16(bytes, 8)};
}

constexpr std::array<std::byte, kVirtioNetHeaderSize> encode_virtio_net(
    const VirtioNetHeader& header) noexcept {
  const auto low = [](std::uint16_t value) { return static_cast<std::byte>(value & 0xff); };
  const auto high = [](std::uint16_t value) { return static_cast<std::byte>(value >> 8); };
  return {std::byte{header.flags}, std::byte{header.gso_type}, low(header.hdr_len),
          high(header.hdr_len),    low(header.gso_size),       high(header.gso_size),
          low(header.csum_start),  high(header.csum_start),    low(header.csum_offset),
          high(header.csum_offset)};
}

}  // namespace vpnd::tunio
