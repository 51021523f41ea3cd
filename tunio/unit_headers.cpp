#include "tunio/unit_headers.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "tunio/byte_order.hpp"
#include "tunio/checksum.hpp"
#include "tunio/ip_packet.hpp"

namespace vpnd::tunio {

namespace {

constexpr std::byte kFlagFin{0x01};
constexpr std::byte kFlagPsh{0x08};
constexpr std::byte kFlagCwr{0x80};
constexpr std::uint16_t kMoreFragmentsOrOffset = 0x3fff;

}  // namespace

std::optional<UnitHeaders> UnitHeaders::parse(const UnitDescription& description,
                                              std::span<const std::byte> headers) noexcept {
  if (headers.size() < kIpv4HeaderSize || headers.size() > kMaxSize) return std::nullopt;
  UnitHeaders unit;
  unit.description_ = description;
  unit.size_ = static_cast<std::uint8_t>(headers.size());
  std::ranges::copy(headers, unit.bytes_.begin());
  if (!unit.read_ip() || !unit.read_transport()) return std::nullopt;
  if (description.kind != UnitKind::plain && description.segment_size == 0) return std::nullopt;
  return unit;
}

bool UnitHeaders::read_ip() noexcept {
  const auto version = std::to_integer<unsigned>(bytes_[0]) >> 4;
  is_v4_ = version == 4;
  if (is_v4_) {
    transport_offset_ = static_cast<std::uint8_t>(std::to_integer<unsigned>(bytes_[0] & std::byte{0x0f}) * 4);
    protocol_ = std::to_integer<std::uint8_t>(bytes_[9]);
    const bool has_options = transport_offset_ != kIpv4HeaderSize;
    const bool is_fragment = (load_be16(&bytes_[6]) & kMoreFragmentsOrOffset) != 0;
    const bool alone = size_ == transport_offset_;  // what follows is all payload
    return load_be16(&bytes_[2]) == total_size() && transport_offset_ >= kIpv4HeaderSize &&
           (alone || (!has_options && !is_fragment));
  }
  if (version != 6 || size_ < kIpv6HeaderSize) return false;
  transport_offset_ = kIpv6HeaderSize;
  protocol_ = std::to_integer<std::uint8_t>(bytes_[6]);
  return kIpv6HeaderSize + load_be16(&bytes_[4]) == total_size();
}

bool UnitHeaders::read_transport() noexcept {
  const auto transport = bytes().subspan(transport_offset_);
  switch (description_.kind) {
    case UnitKind::plain:
      if (transport.empty()) return !description_.checksum_partial;
      is_tcp_ = protocol_ == kProtocolTcp;
      break;
    case UnitKind::tcp_v4:
    case UnitKind::tcp_v6:
      if (is_v4() != (description_.kind == UnitKind::tcp_v4)) return false;
      is_tcp_ = true;
      if (protocol_ != kProtocolTcp) return false;
      break;
    case UnitKind::udp:
      if (protocol_ != kProtocolUdp) return false;
      break;
  }
  if (is_tcp_) return tcp_header_size(transport) == transport.size();
  return protocol_ == kProtocolUdp && transport.size() == kUdpHeaderSize;
}

IpAddress UnitHeaders::address_at(std::size_t offset) const noexcept {
  return is_v4() ? IpAddress::v4(std::span<const std::byte, 4>(&bytes_[offset], 4))
                 : IpAddress::v6(std::span<const std::byte, 16>(&bytes_[offset], 16));
}

VirtioNetHeader UnitHeaders::virtio_header() const noexcept {
  if (description_.kind == UnitKind::plain && !description_.checksum_partial) return {};
  return header_for(payload_size());
}

VirtioNetHeader UnitHeaders::header_for(std::size_t payload_size) const noexcept {
  VirtioNetHeader header;
  header.flags = kVirtioNeedsChecksum;
  header.csum_start = transport_offset_;
  header.csum_offset = checksum_offset();
  header.hdr_len = size_;
  if (description_.kind == UnitKind::plain || payload_size <= description_.segment_size) return header;
  header.gso_size = description_.segment_size;
  if (description_.kind == UnitKind::udp) {
    header.gso_type = kVirtioGsoUdpL4;
  } else {
    header.gso_type = is_v4() ? kVirtioGsoTcpV4 : kVirtioGsoTcpV6;
    if (description_.congestion == CongestionMark::present) header.gso_type |= kVirtioGsoEcn;
  }
  return header;
}

bool UnitHeaders::can_cut(std::size_t offset, std::size_t size) const noexcept {
  if (is_tcp_) return true;
  if (description_.kind != UnitKind::udp) return false;
  const std::size_t segment = description_.segment_size;
  return offset % segment == 0 && (size % segment == 0 || offset + size == payload_size());
}

UnitHeaders::Cut UnitHeaders::write_cut(std::size_t offset, std::size_t size, std::byte* to) const noexcept {
  assert(can_cut(offset, size) && offset + size <= payload_size());
  std::memcpy(to, bytes_.data(), size_);
  patch_ip(to, offset, size);
  patch_transport(to, offset, size);
  VirtioNetHeader header = header_for(size);
  if (offset > 0) header.gso_type &= static_cast<std::uint8_t>(~unsigned{kVirtioGsoEcn});
  return {header, size_};
}

// The ids of the segments before this part were the ones that follow the first's, as TSO numbers them.
void UnitHeaders::patch_ip(std::byte* packet, std::size_t offset, std::size_t size) const noexcept {
  const std::size_t total = size_ + size;
  if (!is_v4()) {
    store_be16(packet + 4, static_cast<std::uint16_t>(total - kIpv6HeaderSize));
    return;
  }
  const std::size_t segments_before = description_.segment_size == 0 ? 0 : offset / description_.segment_size;
  store_be16(packet + 2, static_cast<std::uint16_t>(total));
  store_be16(packet + 4, static_cast<std::uint16_t>(load_be16(packet + 4) + segments_before));
  store_be16(packet + 10, 0);
  store_be16(packet + 10, InternetSum().add({packet, kIpv4HeaderSize}).checksum());
}

void UnitHeaders::patch_transport(std::byte* packet, std::size_t offset, std::size_t size) const noexcept {
  std::byte* const transport = packet + transport_offset_;
  const auto transport_size = static_cast<std::uint16_t>(size_ - transport_offset_ + size);
  if (is_tcp_) {
    store_be32(transport + 4, load_be32(transport + 4) + static_cast<std::uint32_t>(offset));
    if (offset > 0) transport[13] &= ~kFlagCwr;
    if (offset + size < payload_size()) transport[13] &= ~(kFlagFin | kFlagPsh);
  } else {
    store_be16(transport + 4, transport_size);
  }
  InternetSum pseudo_header;
  pseudo_header.add(is_v4() ? std::span<const std::byte>(packet + 12, 8)
                            : std::span<const std::byte>(packet + 8, 32));
  pseudo_header.add_word(protocol_);
  pseudo_header.add_word(transport_size);
  store_be16(transport + checksum_offset(), pseudo_header.folded());
}

}  // namespace vpnd::tunio
