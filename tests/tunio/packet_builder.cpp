#include "tests/tunio/packet_builder.hpp"

#include <algorithm>

namespace vpnd::tunio::test {

namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17;

void append(Bytes& to, const Bytes& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

Bytes ip_header(Family family, std::uint8_t protocol, std::size_t transport_size) {
  Bytes header(family == Family::v4 ? 20 : 40);
  if (family == Family::v4) {
    header[0] = std::byte{0x45};
    put_be16(header, 2, static_cast<unsigned>(20 + transport_size));
    header[8] = std::byte{64};
    header[9] = std::byte{protocol};
    put_be32(header, 12, 0x0a080001);
    put_be32(header, 16, 0x0a080002);
  } else {
    header[0] = std::byte{0x60};
    put_be16(header, 4, static_cast<unsigned>(transport_size));
    header[6] = std::byte{protocol};
    header[7] = std::byte{64};
    header[8] = header[24] = std::byte{0xfd};
    header[23] = std::byte{1};
    header[39] = std::byte{2};
  }
  return header;
}

void set_fragment_fields(Bytes& packet, std::uint16_t id, bool dont_fragment) {
  put_be16(packet, 4, id);
  put_be16(packet, 6, dont_fragment ? 0x4000 : 0);
}

std::size_t checksum_field(const Bytes& packet) {
  const std::size_t ip = ip_header_size(packet);
  const auto protocol = std::to_integer<int>(packet[ip == 20 ? 9 : 6]);
  return ip + (protocol == kTcp ? 16 : 6);
}

}  // namespace

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Bytes pattern(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  std::uint32_t state = seed * 2654435761U + 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

std::uint16_t slow_sum(std::span<const std::byte> bytes, std::uint32_t initial) {
  std::uint32_t sum = initial;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto value = std::to_integer<std::uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? value << 8 : value;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint32_t slow_pseudo_header(std::span<const std::byte> packet) {
  const std::size_t ip = ip_header_size(packet);
  const auto addresses = ip == 20 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  const auto protocol = std::to_integer<std::uint32_t>(packet[ip == 20 ? 9 : 6]);
  const auto size = static_cast<std::uint32_t>(packet.size() - ip);
  return slow_sum(addresses) + protocol + (size & 0xffff) + (size >> 16);
}

bool is_sound(std::span<const std::byte> packet) {
  const std::size_t ip = ip_header_size(packet);
  const std::size_t length = ip == 20 ? be16(packet, 2) : 40U + be16(packet, 4);
  const bool header_good = ip != 20 || slow_sum(packet.first(20)) == 0xffff;
  const bool is_udp = std::to_integer<int>(packet[ip == 20 ? 9 : 6]) == kUdp;
  const bool udp_good = !is_udp || (be16(packet, ip + 4) == packet.size() - ip && be16(packet, ip + 6) != 0);
  return length == packet.size() && header_good && udp_good &&
         slow_sum(packet.subspan(ip), slow_pseudo_header(packet)) == 0xffff;
}

Bytes Tcp::packet() const {
  Bytes packet = ip_header(family, kTcp, 20 + options.size() + payload.size());
  const std::size_t ip = packet.size();
  if (family == Family::v4) {
    packet[1] = std::byte{tos};
    packet[8] = std::byte{ttl};
    set_fragment_fields(packet, ip_id, dont_fragment);
  } else {
    packet[0] |= static_cast<std::byte>(tos >> 4);
    packet[1] = static_cast<std::byte>(tos << 4 & 0xf0);
    packet[7] = std::byte{ttl};
  }
  packet.resize(ip + 20);
  put_be16(packet, ip, source_port);
  put_be16(packet, ip + 2, destination_port);
  put_be32(packet, ip + 4, sequence);
  put_be32(packet, ip + 8, acknowledgement);
  packet[ip + 12] = static_cast<std::byte>((20 + options.size()) / 4 << 4);
  packet[ip + 13] = std::byte{flags};
  put_be16(packet, ip + 14, window);
  append(packet, options);
  append(packet, payload);
  fix_checksums(packet);
  return packet;
}

Bytes Udp::packet() const {
  Bytes packet = ip_header(family, kUdp, 8 + payload.size());
  const std::size_t ip = packet.size();
  if (family == Family::v4) set_fragment_fields(packet, ip_id, dont_fragment);
  packet.resize(ip + 8);
  put_be16(packet, ip, source_port);
  put_be16(packet, ip + 2, destination_port);
  put_be16(packet, ip + 4, static_cast<unsigned>(8 + payload.size()));
  append(packet, payload);
  fix_checksums(packet);
  return packet;
}

Bytes icmp_packet(std::size_t payload_size) {
  Bytes packet = ip_header(Family::v4, 1, 8 + payload_size);
  packet.resize(packet.size() + 8 + payload_size);
  packet[20] = std::byte{8};
  put_be16(packet, 22, static_cast<std::uint16_t>(~slow_sum(std::span(packet).subspan(20))));
  put_be16(packet, 10, static_cast<std::uint16_t>(~slow_sum(std::span(packet).first(20))));
  return packet;
}

void fix_checksums(Bytes& packet) {
  if (ip_header_size(packet) == 20) {
    put_be16(packet, 10, 0);
    put_be16(packet, 10, static_cast<std::uint16_t>(~slow_sum(std::span(packet).first(20))));
  }
  const std::size_t field = checksum_field(packet);
  put_be16(packet, field, 0);
  const auto transport = std::span(packet).subspan(ip_header_size(packet));
  const auto checksum = static_cast<std::uint16_t>(~slow_sum(transport, slow_pseudo_header(packet)));
  put_be16(packet, field, checksum == 0 ? 0xffff : checksum);
}

void make_partial(Bytes& packet) {
  put_be16(packet, checksum_field(packet), slow_sum({}, slow_pseudo_header(packet)));
}

std::uint16_t be16(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

std::uint32_t be32(std::span<const std::byte> bytes, std::size_t at) {
  return std::uint32_t{be16(bytes, at)} << 16 | be16(bytes, at + 2);
}

void put_be16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::byte>(value >> 8 & 0xff);
  bytes[at + 1] = static_cast<std::byte>(value & 0xff);
}

void put_be32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  put_be16(bytes, at, value >> 16);
  put_be16(bytes, at + 2, value & 0xffff);
}

std::size_t ip_header_size(std::span<const std::byte> packet) {
  return std::to_integer<int>(packet[0]) >> 4 == 4 ? 20 : 40;
}

}  // namespace vpnd::tunio::test
