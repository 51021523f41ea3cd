#include "tunio/segmentation.hpp"

#include <algorithm>
#include <cstring>

#include "tunio/byte_order.hpp"

namespace vpnd::tunio {

namespace {

constexpr std::byte kFlagFin{0x01};
constexpr std::byte kFlagPsh{0x08};
constexpr std::byte kFlagCwr{0x80};

constexpr std::size_t kTcpChecksumOffset = 16;
constexpr std::size_t kUdpChecksumOffset = 6;

// RFC 768: a sent checksum of 0 means "none", so a computed 0 is sent as its other representation.
std::uint16_t never_zero(std::uint16_t checksum) noexcept {
  return checksum == 0 ? std::uint16_t{0xffff} : checksum;
}

}  // namespace

std::optional<Segmenter> Segmenter::parse(const VirtioNetHeader& header,
                                          std::span<const std::byte> packet) noexcept {
  const auto view = IpPacket::parse(packet);
  if (!view) return std::nullopt;
  Segmenter segmenter(*view);
  const bool accepted =
      header.gso_type == kVirtioGsoNone ? segmenter.accept_plain(header) : segmenter.accept_segmented(header);
  return accepted ? std::optional(segmenter) : std::nullopt;
}

bool Segmenter::accept_plain(const VirtioNetHeader& header) noexcept {
  payload_per_segment_ = packet_.size();
  if ((header.flags & kVirtioNeedsChecksum) == 0) return true;

  kind_ = Kind::plain_partial_checksum;
  checksum_start_ = header.csum_start;
  checksum_field_ = checksum_start_ + header.csum_offset;
  const std::size_t ip_header_size = packet_.is_v4() ? kIpv4HeaderSize : kIpv6HeaderSize;
  return checksum_start_ >= ip_header_size && checksum_field_ + 2 <= packet_.size();
}

bool Segmenter::accept_segmented(const VirtioNetHeader& header) noexcept {
  const auto gso_type = static_cast<std::uint8_t>(header.gso_type & ~unsigned{kVirtioGsoEcn});
  if (header.gso_size == 0 || packet_.is_fragment() || !packet_.has_transport()) return false;
  if (!measure_headers(gso_type)) return false;
  const std::size_t payload = packet_.size() - header_size_;
  payload_per_segment_ = header.gso_size;
  count_ = std::max<std::size_t>(1, (payload + payload_per_segment_ - 1) / payload_per_segment_);
  return true;
}

// From the packet alone: hdr_len is wrong when the packet was forwarded, and csum_start says nothing more.
bool Segmenter::measure_headers(std::uint8_t gso_type) noexcept {
  if (gso_type == kVirtioGsoUdpL4) {
    kind_ = Kind::udp;
    header_size_ = packet_.transport_offset() + kUdpHeaderSize;
    return packet_.protocol() == kProtocolUdp && header_size_ <= packet_.size();
  }
  const bool family_fits = packet_.is_v4() ? gso_type == kVirtioGsoTcpV4 : gso_type == kVirtioGsoTcpV6;
  if (!family_fits || packet_.protocol() != kProtocolTcp) return false;
  const auto tcp_size = tcp_header_size(packet_.transport());
  if (!tcp_size) return false;
  kind_ = Kind::tcp;
  header_size_ = packet_.transport_offset() + *tcp_size;
  return true;
}

std::size_t Segmenter::payload_size(std::size_t i) const noexcept {
  const std::size_t before = i * payload_per_segment_;
  return std::min(payload_per_segment_, packet_.size() - header_size_ - before);
}

std::size_t Segmenter::segment_size(std::size_t i) const noexcept {
  return header_size_ + payload_size(i);
}

void Segmenter::write(std::size_t i, std::byte* destination) const noexcept {
  switch (kind_) {
    case Kind::plain:
      std::memcpy(destination, packet_.bytes().data(), packet_.size());
      return;
    case Kind::plain_partial_checksum:
      write_with_checksum(destination);
      return;
    case Kind::tcp:
    case Kind::udp:
      write_segment(i, destination);
      return;
  }
}

// The field already holds the pseudo-header sum, so summing from csum_start on takes it in.
void Segmenter::write_with_checksum(std::byte* destination) const noexcept {
  std::memcpy(destination, packet_.bytes().data(), checksum_start_);
  InternetSum sum;
  sum.add_copying(packet_.bytes().subspan(checksum_start_), destination + checksum_start_);
  const bool is_udp =
      packet_.protocol() == kProtocolUdp && checksum_field_ == checksum_start_ + kUdpChecksumOffset;
  store_be16(destination + checksum_field_, is_udp ? never_zero(sum.checksum()) : sum.checksum());
}

void Segmenter::write_segment(std::size_t i, std::byte* destination) const noexcept {
  const std::size_t transport_offset = packet_.transport_offset();
  const std::size_t transport_header_size = header_size_ - transport_offset;
  const auto payload = packet_.bytes().subspan(header_size_ + i * payload_per_segment_, payload_size(i));
  const std::size_t transport_size = transport_header_size + payload.size();

  std::memcpy(destination, packet_.bytes().data(), header_size_);
  patch_ip_header(i, destination);
  std::byte* const transport = destination + transport_offset;
  const bool is_tcp = kind_ == Kind::tcp;
  if (is_tcp) {
    patch_tcp_header(i, transport);
  } else {
    store_be16(transport + 4, static_cast<std::uint16_t>(transport_size));
  }

  std::byte* const field = transport + (is_tcp ? kTcpChecksumOffset : kUdpChecksumOffset);
  store_be16(field, 0);
  InternetSum sum = pseudo_header_sum(packet_, transport_size);
  sum.add({transport, transport_header_size});
  sum.add_copying(payload, destination + header_size_);
  store_be16(field, is_tcp ? sum.checksum() : never_zero(sum.checksum()));
}

void Segmenter::patch_ip_header(std::size_t i, std::byte* segment) const noexcept {
  const std::size_t size = segment_size(i);
  if (!packet_.is_v4()) {
    store_be16(segment + 4, static_cast<std::uint16_t>(size - kIpv6HeaderSize));
    return;
  }
  store_be16(segment + 2, static_cast<std::uint16_t>(size));
  store_be16(segment + 4, static_cast<std::uint16_t>(load_be16(segment + 4) + i));
  store_be16(segment + 10, 0);
  store_be16(segment + 10, InternetSum().add({segment, packet_.transport_offset()}).checksum());
}

void Segmenter::patch_tcp_header(std::size_t i, std::byte* tcp) const noexcept {
  store_be32(tcp + 4, load_be32(tcp + 4) + static_cast<std::uint32_t>(i * payload_per_segment_));
  if (i > 0) tcp[13] &= ~kFlagCwr;
  if (i + 1 < count_) tcp[13] &= ~(kFlagFin | kFlagPsh);
}

}  // namespace vpnd::tunio
