// What the data path must know of an inner packet before it may touch it. Everything in the packet is hostile
// input: an IpPacket exists only for bytes whose lengths have been checked against what was received.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tunio/ip_address.hpp"

namespace vpnd::tunio {

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpV6 = 58;

inline constexpr std::size_t kIpv4HeaderSize = 20;  // without options
inline constexpr std::size_t kIpv6HeaderSize = 40;
inline constexpr std::size_t kTcpHeaderSize = 20;  // without options
inline constexpr std::size_t kUdpHeaderSize = 8;
inline constexpr std::size_t kMaxIpPacketSize = 65535;

// The total length that a packet claims in its header, nothing if the bytes do not begin with a plausible
// IPv4 or IPv6 header. The claim may exceed bytes.size().
std::optional<std::size_t> claimed_length(std::span<const std::byte> bytes) noexcept;

// A checked view of one IPv4 or IPv6 packet; borrows the bytes and is valid as long as they are.
class IpPacket {
 public:
  // Nothing unless the bytes hold a whole packet: version 4 or 6, header and total length inside the bytes.
  // Bytes behind the total length are left out of the view. Checksums are not looked at.
  static std::optional<IpPacket> parse(std::span<const std::byte> bytes) noexcept;

  // Exactly total length bytes.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }

  IpFamily family() const noexcept { return family_; }
  bool is_v4() const noexcept { return family_ == IpFamily::v4; }
  IpAddress source() const noexcept { return address_at(is_v4() ? 12 : 8); }
  IpAddress destination() const noexcept { return address_at(is_v4() ? 16 : 24); }

  // Differentiated services code point in the upper six bits, ECN in the lower two (RFC 2474, RFC 3168).
  std::uint8_t traffic_class() const noexcept;

  // Of what stands at transport_offset(); of an IPv6 fragment or broken chain, what its last readable header
  // names.
  std::uint8_t protocol() const noexcept { return protocol_; }
  // A fragment of a larger packet, the first one included.
  bool is_fragment() const noexcept { return is_fragment_; }
  // IPv4 options or IPv6 extension headers stand before the transport header.
  bool has_options() const noexcept { return has_options_; }
  // Whether the transport header begins in this packet: not in later fragments, nor behind a broken header
  // chain.
  bool has_transport() const noexcept { return has_transport_; }
  // Size of all headers before the transport header; only with has_transport().
  std::size_t transport_offset() const noexcept { return transport_offset_; }
  std::span<const std::byte> transport() const noexcept { return bytes_.subspan(transport_offset_); }

 private:
  IpAddress address_at(std::size_t offset) const noexcept;
  bool read_v4() noexcept;
  void read_v6() noexcept;

  std::span<const std::byte> bytes_;
  std::uint16_t transport_offset_ = 0;
  IpFamily family_ = IpFamily::v4;
  std::uint8_t protocol_ = 0;
  bool is_fragment_ = false;
  bool has_options_ = false;
  bool has_transport_ = true;
};

// Bounds-checked size of the TCP header at the start of `transport`, options included; nothing if it does
// not fit.
std::optional<std::size_t> tcp_header_size(std::span<const std::byte> transport) noexcept;

}  // namespace vpnd::tunio
