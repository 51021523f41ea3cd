// The headers of a packet whose payload lies elsewhere in pieces: what arrives of a super-packet, or of a
// packet too big for one record, when a peer sends it in slices. From the headers alone come the addresses,
// the virtio-net header for tun, and, when a slice was lost on the way, the headers of what is left.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tunio/ip_address.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {

// How a packet may be cut, and with it what the far kernel does to it.
enum class UnitKind : std::uint8_t {
  plain,   // one packet; if it is TCP it can still be cut, for sequence numbers follow from offsets
  tcp_v4,  // the next three are super-packets whose transport checksum is partial
  tcp_v6,
  udp,
};

enum class CongestionMark : std::uint8_t {
  absent,
  present
};  // VIRTIO_NET_HDR_GSO_ECN: the packet carries CWR

// What the sender says of a unit besides its headers. Nothing in here is believed before parse().
struct UnitDescription {
  UnitKind kind = UnitKind::plain;
  bool checksum_partial = false;
  CongestionMark congestion = CongestionMark::absent;
  std::uint16_t segment_size = 0;  // payload bytes of each segment; of a super-packet not 0
  std::uint16_t payload_size = 0;  // of the whole unit, without headers
};

// A checked copy of a unit's headers. A plain value of at most kMaxSize bytes of headers.
class UnitHeaders {
 public:
  static constexpr std::size_t kMaxSize = 40 + 60;  // IPv6 and the largest TCP header

  // Nothing unless `headers` are an IPv4 header without options or an IPv6 header without extensions,
  // followed by the whole TCP or UDP header; and they claim exactly headers and payload as their length; and
  // the kind fits. Of a plain packet the IP header may stand alone: IPv4's with its options, IPv6's 40 bytes.
  // Such a packet cannot be cut.
  static std::optional<UnitHeaders> parse(const UnitDescription& description,
                                          std::span<const std::byte> headers) noexcept;

  std::span<const std::byte> bytes() const noexcept { return std::span(bytes_).first(size_); }
  IpAddress source() const noexcept { return address_at(is_v4() ? 12 : 8); }
  IpAddress destination() const noexcept { return address_at(is_v4() ? 16 : 24); }
  bool is_v4() const noexcept { return is_v4_; }
  std::size_t payload_size() const noexcept { return description_.payload_size; }
  std::size_t total_size() const noexcept { return size_ + payload_size(); }

  // For the whole unit.
  VirtioNetHeader virtio_header() const noexcept;

  // Whether the bytes [offset, offset + size) of the payload can be delivered without the rest: of TCP any,
  // of UDP whole datagrams, of others none.
  bool can_cut(std::size_t offset, std::size_t size) const noexcept;
  bool can_cut() const noexcept { return is_tcp_ || description_.kind == UnitKind::udp; }

  struct Cut {
    VirtioNetHeader header;
    std::size_t size;  // of the headers written
  };
  // Writes the headers of a packet that carries just that part of the payload; can_cut() has said yes. Its
  // checksum is partial. `to` has room for bytes().size().
  Cut write_cut(std::size_t offset, std::size_t size, std::byte* to) const noexcept;

 private:
  UnitHeaders() = default;
  bool read_ip() noexcept;
  bool read_transport() noexcept;
  IpAddress address_at(std::size_t offset) const noexcept;
  std::uint16_t checksum_offset() const noexcept { return is_tcp_ ? 16 : 6; }
  VirtioNetHeader header_for(std::size_t payload_size) const noexcept;
  void patch_ip(std::byte* packet, std::size_t offset, std::size_t size) const noexcept;
  void patch_transport(std::byte* packet, std::size_t offset, std::size_t size) const noexcept;

  UnitDescription description_;
  std::array<std::byte, kMaxSize> bytes_;
  std::uint8_t size_ = 0;
  std::uint8_t transport_offset_ = 0;
  std::uint8_t protocol_ = 0;
  bool is_v4_ = false;
  bool is_tcp_ = false;
};

}  // namespace vpnd::tunio
