// The internet checksum (RFC 1071): the complement of the ones' complement sum of 16-bit words.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tunio/ip_packet.hpp"

namespace vpnd::tunio {

// Whether a transport checksum covers the packet, or is the bare pseudo-header sum that NEEDS_CSUM promises
// to finish.
enum class ChecksumState : std::uint8_t { complete, partial };

// A running ones' complement sum. Every piece added must begin at an even offset of what is summed, so only
// the last may have an odd size. A plain value.
class InternetSum {
 public:
  InternetSum& add(std::span<const std::byte> bytes) noexcept;
  // Copies `from` to `to` (disjoint, as large) and adds the bytes in one pass.
  InternetSum& add_copying(std::span<const std::byte> from, std::byte* to) noexcept;
  // A 16-bit word that is not in memory, in host order.
  InternetSum& add_word(std::uint16_t word) noexcept;
  InternetSum& operator+=(InternetSum other) noexcept;

  // The sum itself, in host order: what a partial checksum field holds, and 0xffff over correct data.
  std::uint16_t folded() const noexcept;
  // The complement of the sum, in host order: the checksum to store.
  std::uint16_t checksum() const noexcept { return static_cast<std::uint16_t>(~folded()); }

 private:
  // 32-bit words in memory order: the sum does not depend on byte order (RFC 1071, 2 (B)). 64 KB bring less
  // than 2^47, so nothing overflows for as long as anybody would add.
  std::uint64_t sum_ = 0;
};

// The pseudo-header of TCP and UDP: addresses of the packet, protocol, size of transport header and payload.
InternetSum pseudo_header_sum(const IpPacket& packet, std::size_t transport_size) noexcept;

// RFC 1624: the checksum after one 16-bit word under it has changed. All in host order.
std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t old_word,
                               std::uint16_t new_word) noexcept;

enum class ChecksumVerdict : std::uint8_t {
  good,
  bad,
  absent,  // nothing to verify: not TCP or UDP, a fragment, or UDP over IPv4 sent without a checksum
};

// Checks the transport checksum of a whole TCP or UDP packet.
ChecksumVerdict verify_transport_checksum(const IpPacket& packet) noexcept;

// Checks the header checksum of an IPv4 packet; true for IPv6.
bool verify_header_checksum(const IpPacket& packet) noexcept;

}  // namespace vpnd::tunio
