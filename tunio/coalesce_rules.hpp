// Which packets the coalescer may join, as far as the packets themselves say. See tunio/coalescer.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tunio/ip_packet.hpp"

namespace vpnd::tunio {

// What the caller knows about a packet's transport checksum.
enum class InnerChecksum : std::uint8_t {
  unverified,  // complete, from somebody we do not believe: verified before the packet is merged
  verified,    // complete, and known to be right
  partial,     // the bare pseudo-header sum: handed on to tun as NEEDS_CSUM
};

enum class PacketClass : std::uint8_t {
  unrelated,  // belongs to no flow that is ever merged, such as ICMP
  opaque,     // its flow cannot be told: fragments, IP options, extension headers, malformed packets
  member,     // of a flow, but not mergeable itself: SYN, FIN, bare acknowledgements, …
  candidate,  // may be merged
};

// What the headers say, read once. Of a member only is_v4, is_tcp and ip_header_size are set.
struct PacketTraits {
  bool is_v4;
  bool is_tcp;  // else UDP
  std::uint16_t ip_header_size;
  std::uint16_t header_size;  // IP and transport
  std::uint16_t payload_size;
  std::uint16_t ip_id = 0;  // IPv4
  bool dont_fragment = true;
  bool push = false;           // TCP
  std::uint32_t sequence = 0;  // TCP
};

struct Classified {
  PacketClass packet_class;
  PacketTraits traits;
};

// A candidate has exactly the size its header claims; an IPv4 header of 20 bytes or an IPv6 header without
// extensions, no fragment; and TCP with no flag but ACK or ACK and PSH, or UDP with a checksum and a true
// length; and a payload.
Classified classify_packet(std::span<const std::byte> packet) noexcept;

// Both are members or candidates.
bool same_flow(std::span<const std::byte> one, std::span<const std::byte> other,
               const PacketTraits& traits) noexcept;

// Addresses, ports and protocol, mixed so that nobody without the seed can choose packets that collide.
std::uint64_t flow_hash(std::span<const std::byte> packet, const PacketTraits& traits,
                        std::uint64_t seed) noexcept;

// Of two candidates of one flow with equal header_size: whether nothing that a super-packet states once
// differs: TOS with ECN, TTL, DF, flow label; TCP's acknowledgement, window and options.
bool headers_alike(std::span<const std::byte> one, std::span<const std::byte> other,
                   const PacketTraits& traits) noexcept;

// The kernel will not see the checksums of a merged packet again, so they are verified here.
bool checksums_hold(std::span<const std::byte> packet, InnerChecksum checksum) noexcept;

}  // namespace vpnd::tunio
