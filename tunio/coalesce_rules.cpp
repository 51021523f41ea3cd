#include "tunio/coalesce_rules.hpp"

#include <cstring>

#include "tunio/byte_order.hpp"
#include "tunio/checksum.hpp"

namespace vpnd::tunio {

namespace {

constexpr std::byte kVersion4HeaderWords5{0x45};
constexpr std::byte kVersionMask{0xf0};
constexpr std::byte kVersion4{0x40};
constexpr std::byte kVersion6{0x60};
constexpr std::uint16_t kDontFragment = 0x4000;

constexpr std::byte kFlagPsh{0x08};
constexpr std::byte kFlagAck{0x10};

constexpr std::size_t kPortsSize = 4;

bool same_bytes(std::span<const std::byte> one, std::span<const std::byte> other, std::size_t from,
                std::size_t size) noexcept {
  return std::memcmp(one.data() + from, other.data() + from, size) == 0;
}

Classified of_class(PacketClass packet_class, const PacketTraits& traits = {}) noexcept {
  return {packet_class, traits};
}

Classified classify_tcp(std::span<const std::byte> packet, PacketTraits traits) noexcept {
  const auto transport = packet.subspan(traits.ip_header_size);
  const auto tcp_size = tcp_header_size(transport);
  if (!tcp_size) return of_class(PacketClass::opaque);
  const std::byte flags = transport[13];
  const bool only_ack = (flags & ~kFlagPsh) == kFlagAck && (transport[12] & std::byte{0x0f}) == std::byte{0};
  traits.header_size = static_cast<std::uint16_t>(traits.ip_header_size + *tcp_size);
  traits.payload_size = static_cast<std::uint16_t>(packet.size() - traits.header_size);
  traits.push = (flags & kFlagPsh) != std::byte{0};
  traits.sequence = load_be32(&transport[4]);
  const bool mergeable = only_ack && traits.payload_size > 0;
  return of_class(mergeable ? PacketClass::candidate : PacketClass::member, traits);
}

Classified classify_udp(std::span<const std::byte> packet, PacketTraits traits) noexcept {
  const auto transport = packet.subspan(traits.ip_header_size);
  if (transport.size() < kUdpHeaderSize) return of_class(PacketClass::opaque);
  traits.header_size = static_cast<std::uint16_t>(traits.ip_header_size + kUdpHeaderSize);
  traits.payload_size = static_cast<std::uint16_t>(packet.size() - traits.header_size);
  const bool length_true = load_be16(&transport[4]) == transport.size();
  const bool has_checksum = load_be16(&transport[6]) != 0;
  const bool mergeable = length_true && has_checksum && traits.payload_size > 0;
  return of_class(mergeable ? PacketClass::candidate : PacketClass::member, traits);
}

Classified classify_transport(std::span<const std::byte> packet, std::uint8_t protocol,
                              PacketTraits traits) noexcept {
  traits.is_tcp = protocol == kProtocolTcp;
  return traits.is_tcp ? classify_tcp(packet, traits) : classify_udp(packet, traits);
}

bool is_merged_protocol(std::uint8_t protocol) noexcept {
  return protocol == kProtocolTcp || protocol == kProtocolUdp;
}

Classified classify_v4(std::span<const std::byte> packet) noexcept {
  const std::uint16_t fragment = load_be16(&packet[6]);
  const bool size_true = load_be16(&packet[2]) == packet.size();
  if (packet[0] != kVersion4HeaderWords5 || !size_true || (fragment & ~unsigned{kDontFragment}) != 0)
    return of_class(PacketClass::opaque);
  const auto protocol = std::to_integer<std::uint8_t>(packet[9]);
  if (!is_merged_protocol(protocol)) return of_class(PacketClass::unrelated);
  PacketTraits traits{};
  traits.is_v4 = true;
  traits.ip_header_size = kIpv4HeaderSize;
  traits.ip_id = load_be16(&packet[4]);
  traits.dont_fragment = fragment == kDontFragment;
  return classify_transport(packet, protocol, traits);
}

Classified classify_v6(std::span<const std::byte> packet) noexcept {
  if (packet.size() > kMaxIpPacketSize || kIpv6HeaderSize + load_be16(&packet[4]) != packet.size())
    return of_class(PacketClass::opaque);
  const auto protocol = std::to_integer<std::uint8_t>(packet[6]);
  if (protocol == kProtocolIcmpV6) return of_class(PacketClass::unrelated);
  if (!is_merged_protocol(protocol)) return of_class(PacketClass::opaque);  // perhaps an extension header
  PacketTraits traits{};
  traits.is_v4 = false;
  traits.ip_header_size = kIpv6HeaderSize;
  traits.dont_fragment = true;
  return classify_transport(packet, protocol, traits);
}

// Multiplying to 128 bits and folding: every bit of both factors reaches every bit of the result.
std::uint64_t mixed(std::uint64_t one, std::uint64_t other) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(one) * other;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load_native64(const std::byte* from) noexcept {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

Classified classify_packet(std::span<const std::byte> packet) noexcept {
  if (packet.size() < kIpv4HeaderSize) return of_class(PacketClass::opaque);
  const std::byte version = packet[0] & kVersionMask;
  if (version == kVersion4) return classify_v4(packet);
  if (version == kVersion6 && packet.size() >= kIpv6HeaderSize) return classify_v6(packet);
  return of_class(PacketClass::opaque);
}

// Without options the addresses and the ports stand side by side.
bool same_flow(std::span<const std::byte> one, std::span<const std::byte> other,
               const PacketTraits& traits) noexcept {
  if ((one[0] & kVersionMask) != (other[0] & kVersionMask)) return false;
  if (traits.is_v4) return one[9] == other[9] && same_bytes(one, other, 12, 8 + kPortsSize);
  return one[6] == other[6] && same_bytes(one, other, 8, 32 + kPortsSize);
}

std::uint64_t flow_hash(std::span<const std::byte> packet, const PacketTraits& traits,
                        std::uint64_t seed) noexcept {
  const std::uint64_t odd_seed = seed | 1;
  const std::uint64_t ports = load_be32(&packet[traits.ip_header_size]);
  const std::uint64_t kind = (traits.is_v4 ? 1U : 0U) | (traits.is_tcp ? 2U : 0U);
  std::uint64_t hash = mixed(ports ^ kind << 32 ^ seed, 0x9e3779b97f4a7c15);
  const std::byte* const addresses = &packet[traits.is_v4 ? 12 : 8];
  const std::size_t words = traits.is_v4 ? 1 : 4;
  for (std::size_t i = 0; i < words; ++i)
    hash = mixed(hash ^ load_native64(addresses + 8 * i), odd_seed ^ hash << 1);
  return mixed(hash ^ seed, 0xd6e8feb86659fd93);
}

bool headers_alike(std::span<const std::byte> one, std::span<const std::byte> other,
                   const PacketTraits& traits) noexcept {
  const bool ip_alike = traits.is_v4 ? one[1] == other[1]                   // TOS
                                           && same_bytes(one, other, 6, 3)  // DF, TTL
                                     : same_bytes(one, other, 0, 4)         // traffic class, flow label
                                           && one[7] == other[7];           // hop limit
  if (!ip_alike || !traits.is_tcp) return ip_alike;
  const std::size_t tcp = traits.ip_header_size;
  const std::size_t options = tcp + kTcpHeaderSize;
  return same_bytes(one, other, tcp + 8, 4)      // acknowledgement number
         && one[tcp + 12] == other[tcp + 12]     // header size
         && same_bytes(one, other, tcp + 14, 2)  // window
         && same_bytes(one, other, options, traits.header_size - options);
}

bool checksums_hold(std::span<const std::byte> packet, InnerChecksum checksum) noexcept {
  if (checksum == InnerChecksum::verified) return true;
  const auto view = IpPacket::parse(packet);
  if (!view || !verify_header_checksum(*view)) return false;
  return checksum == InnerChecksum::partial || verify_transport_checksum(*view) == ChecksumVerdict::good;
}

}  // namespace vpnd::tunio
