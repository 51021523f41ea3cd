// Builds the inner packets that tests of tunio need, and checks packets with slow, obvious code that shares
// nothing with tunio/checksum.

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace vpnd::tunio::test {

using Bytes = std::vector<std::byte>;

inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kPsh = 0x08, kAck = 0x10, kCwr = 0x80;

Bytes bytes_of(std::initializer_list<int> values);
// `size` bytes that differ with their place and the seed.
Bytes pattern(std::size_t size, unsigned seed = 1);

// A sum of RFC 1071, word by word: the folded value of 0xffff means correct.
std::uint16_t slow_sum(std::span<const std::byte> bytes, std::uint32_t initial = 0);
// The pseudo-header sum of a packet without IPv4 options or IPv6 extension headers.
std::uint32_t slow_pseudo_header(std::span<const std::byte> packet);
// Both checksums of such a TCP or UDP packet are right, and its lengths are true.
bool is_sound(std::span<const std::byte> packet);

enum class Family { v4, v6 };

// Everything a test may want to vary; serialised with complete checksums.
struct Tcp {
  Family family = Family::v4;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 443;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 77;
  std::uint8_t flags = kAck;
  std::uint16_t window = 512;
  Bytes options = {};  // a multiple of four
  std::uint8_t tos = 0;
  std::uint8_t ttl = 64;
  std::uint16_t ip_id = 100;
  bool dont_fragment = true;
  Bytes payload = {};

  Bytes packet() const;
};

struct Udp {
  Family family = Family::v4;
  std::uint16_t source_port = 5000;
  std::uint16_t destination_port = 53;
  std::uint16_t ip_id = 100;
  bool dont_fragment = true;
  Bytes payload = {};

  Bytes packet() const;
};

// An ICMP echo request, IPv4.
Bytes icmp_packet(std::size_t payload_size);

// Sets both checksums of a packet without IP options or extension headers from its other fields.
void fix_checksums(Bytes& packet);
// Puts the bare pseudo-header sum into the transport checksum, as the kernel does with NEEDS_CSUM.
void make_partial(Bytes& packet);

std::uint16_t be16(std::span<const std::byte> bytes, std::size_t at);
std::uint32_t be32(std::span<const std::byte> bytes, std::size_t at);
void put_be16(Bytes& bytes, std::size_t at, unsigned value);
void put_be32(Bytes& bytes, std::size_t at, std::uint32_t value);
std::size_t ip_header_size(std::span<const std::byte> packet);  // 20 or 40

}  // namespace vpnd::tunio::test
