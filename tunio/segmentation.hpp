// Outbound, between the tun device and the records of a peer that wants plain packets: one read from tun,
// which may be a super-packet of up to 64 KB, becomes the packets that the network would have seen. Each
// segment is written straight into its wire record, so the payload is copied once, and summed on the way.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tunio/checksum.hpp"
#include "tunio/ip_packet.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {

// Cuts what one read from tun returned. Borrows the packet, which must stay unchanged while the segmenter is
// in use.
class Segmenter {
 public:
  // Nothing if header and packet contradict each other or the packet is malformed. Accepts plain packets
  // (finishing a checksum the kernel left partial), TCP over IPv4 and IPv6, and UDP (UDP_L4). hdr_len is not
  // believed: headers are measured in the packet, whose own total length must be what was read, or less.
  static std::optional<Segmenter> parse(const VirtioNetHeader& header,
                                        std::span<const std::byte> packet) noexcept;

  // At least 1, at most 65,535.
  std::size_t count() const noexcept { return count_; }
  // Size of segment i as an IP packet; all are equal, only the last may be smaller.
  std::size_t segment_size(std::size_t i) const noexcept;
  std::size_t largest_segment_size() const noexcept { return segment_size(0); }

  // Writes segment i (i < count()) with complete checksums to `destination`, which has room for
  // segment_size(i) bytes and does not overlap the packet.
  void write(std::size_t i, std::byte* destination) const noexcept;

  // Whether there is something to cut: the packet is TCP or UDP with headers of header_size() bytes, before
  // a payload of which each segment carries payload_per_segment().
  bool is_segmented() const noexcept { return kind_ == Kind::tcp || kind_ == Kind::udp; }
  std::size_t header_size() const noexcept { return header_size_; }
  std::size_t payload_per_segment() const noexcept { return payload_per_segment_; }

  // The checked view of what is being cut (addresses, protocol).
  const IpPacket& packet() const noexcept { return packet_; }

 private:
  enum class Kind : std::uint8_t { plain, plain_partial_checksum, tcp, udp };

  explicit Segmenter(const IpPacket& packet) noexcept : packet_(packet) {}
  bool accept_plain(const VirtioNetHeader& header) noexcept;
  bool accept_segmented(const VirtioNetHeader& header) noexcept;
  bool measure_headers(std::uint8_t gso_type) noexcept;
  std::size_t payload_size(std::size_t i) const noexcept;
  void write_with_checksum(std::byte* destination) const noexcept;
  void write_segment(std::size_t i, std::byte* destination) const noexcept;
  void patch_ip_header(std::size_t i, std::byte* segment) const noexcept;
  void patch_tcp_header(std::size_t i, std::byte* tcp) const noexcept;

  IpPacket packet_;
  Kind kind_ = Kind::plain;
  std::size_t header_size_ = 0;     // of all headers before what is cut; 0 for plain packets
  std::size_t checksum_start_ = 0;  // the next two: of plain_partial_checksum, from the start of the packet
  std::size_t checksum_field_ = 0;
  std::size_t payload_per_segment_ = 0;
  std::size_t count_ = 1;
};

}  // namespace vpnd::tunio
