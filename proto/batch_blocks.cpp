#include "proto/batch_blocks.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "proto/wire.hpp"

namespace vpnd::proto {

namespace {

constexpr unsigned kSliceNibble = 1;
constexpr unsigned kControlNibble = 2;
constexpr unsigned kPartialChecksumBit = 8;  // of the first half byte of a packet

constexpr unsigned kFirst = 8;
constexpr unsigned kLast = 4;
constexpr unsigned kHasMeta = 2;
constexpr unsigned kHasSize = 1;

constexpr unsigned kUnitPartialChecksum = 0x80;
constexpr unsigned kUnitEcn = 0x40;
constexpr unsigned kUnitReserved = 0x30;
constexpr unsigned kUnitKindMask = 0x0f;

constexpr unsigned kProbe = 0;
constexpr unsigned kProbeAck = 1;

constexpr std::size_t kIpv4HeaderSize = 20;
constexpr std::size_t kIpv6HeaderSize = 40;
constexpr std::size_t kTcpHeaderSize = 20;
constexpr std::size_t kUdpHeaderSize = 8;
constexpr unsigned kTcp = 6;
constexpr unsigned kUdp = 17;
constexpr unsigned kHopByHopOptions = 0;

unsigned octet(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return std::to_integer<unsigned>(bytes[at]);
}
std::size_t be16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return octet(bytes, at) << 8 | octet(bytes, at + 1);
}

// What the blocks need to know of an IP packet of which at least the fixed part of the IP header is here.
struct IpHeader {
  unsigned version;
  std::size_t size;
  std::size_t total_size;  // of the packet, as it says itself
  unsigned protocol;       // behind an IPv6 header without extensions
  bool fragment;
};

std::optional<IpHeader> parse_ipv4(std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t kMoreFragmentsAndOffset = 0x3fff;
  if (bytes.size() < kIpv4HeaderSize) return std::nullopt;
  const std::size_t size = std::size_t{octet(bytes, 0) & 0x0f} * 4;
  const std::size_t total_size = be16(bytes, 2);
  if (size < kIpv4HeaderSize || total_size < size) return std::nullopt;
  return IpHeader{4, size, total_size, octet(bytes, 9), (be16(bytes, 6) & kMoreFragmentsAndOffset) != 0};
}

// Jumbograms (RFC 2675), whose length field is 0, have no place in a unit or a record.
std::optional<IpHeader> parse_ipv6(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kIpv6HeaderSize) return std::nullopt;
  const std::size_t payload_size = be16(bytes, 4);
  const unsigned next_header = octet(bytes, 6);
  if (payload_size == 0 && next_header == kHopByHopOptions) return std::nullopt;
  return IpHeader{6, kIpv6HeaderSize, kIpv6HeaderSize + payload_size, next_header, false};
}

// The top bit of the first byte is the block's, not the packet's.
std::optional<IpHeader> parse_ip(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return std::nullopt;
  const unsigned version = octet(bytes, 0) >> 4 & ~kPartialChecksumBit;
  if (version == 4) return parse_ipv4(bytes);
  if (version == 6) return parse_ipv6(bytes);
  return std::nullopt;
}

// The size of the TCP or UDP header that follows; 0 if it is another protocol, a fragment, or not here whole.
std::size_t transport_header_size(const IpHeader& ip, std::span<const std::byte> bytes) noexcept {
  if (ip.fragment || ip.size > bytes.size()) return 0;
  const auto transport = bytes.subspan(ip.size);
  if (ip.protocol == kUdp) return transport.size() < kUdpHeaderSize ? 0 : kUdpHeaderSize;
  if (ip.protocol != kTcp || transport.size() < kTcpHeaderSize) return 0;
  const std::size_t size = std::size_t{octet(transport, 12) >> 4} * 4;
  return size < kTcpHeaderSize || size > transport.size() ? 0 : size;
}

bool kind_fits(UnitKind kind, const IpHeader& ip) noexcept {
  switch (kind) {
    case UnitKind::plain:
      return true;
    case UnitKind::tcp_v4:
      return ip.version == 4 && ip.protocol == kTcp;
    case UnitKind::tcp_v6:
      return ip.version == 6 && ip.protocol == kTcp;
    case UnitKind::udp:
      return ip.protocol == kUdp;
  }
  return false;
}

// Whether everything in a meta agrees with everything else.
bool is_consistent(const UnitMeta& meta) noexcept {
  const auto ip = parse_ip(meta.headers);
  if (!ip || meta.payload_size == 0 || !kind_fits(meta.kind, *ip)) return false;
  if (ip->total_size != meta.headers.size() + meta.payload_size) return false;
  const std::size_t transport_size = transport_header_size(*ip, meta.headers);
  if (meta.checksum_partial && transport_size == 0) return false;
  if (meta.kind == UnitKind::plain) return meta.segment_size == 0 && !meta.ecn;
  const bool only_headers = transport_size != 0 && ip->size + transport_size == meta.headers.size();
  return only_headers && meta.checksum_partial && meta.segment_size != 0 &&
         (!meta.ecn || meta.kind != UnitKind::udp);
}

// The top bit would be taken for a version that does not exist, so only 4 and 6 are let through.
bool begins_with_a_version(std::span<const std::byte> headers) noexcept {
  return !headers.empty() && (octet(headers, 0) >> 4 & kPartialChecksumBit) == 0;
}

std::optional<UnitMeta> read_meta(WireReader& reader) noexcept {
  const unsigned kind_and_flags = reader.u8();
  const std::size_t header_size = reader.u8();
  UnitMeta meta;
  meta.segment_size = reader.u16();
  meta.payload_size = reader.u16();
  meta.headers = reader.bytes(header_size);
  const unsigned kind = kind_and_flags & kUnitKindMask;
  const bool known = kind <= static_cast<unsigned>(UnitKind::udp) && (kind_and_flags & kUnitReserved) == 0;
  if (!reader.ok() || !known) return std::nullopt;
  meta.kind = static_cast<UnitKind>(kind);
  meta.checksum_partial = (kind_and_flags & kUnitPartialChecksum) != 0;
  meta.ecn = (kind_and_flags & kUnitEcn) != 0;
  if (!begins_with_a_version(meta.headers) || !is_consistent(meta)) return std::nullopt;
  return meta;
}

// Whether a slice lies in its unit where it says it does.
bool is_placed_well(const Slice& slice) noexcept {
  const std::size_t end = slice.offset + slice.payload.size();
  if (slice.payload.empty() || slice.first != (slice.offset == 0) || end > 65535) return false;
  if (!slice.meta) return !slice.first;
  return end <= slice.meta->payload_size && slice.last == (end == slice.meta->payload_size);
}

}  // namespace

Block BlockReader::next() noexcept {
  if (rest_.empty()) return {};
  switch (octet(rest_, 0) >> 4) {
    case 0x0:
      rest_ = {};
      return {};
    case kSliceNibble:
      return slice();
    case kControlNibble:
      return control();
    case 0x4:
    case 0x6:
    case 0x4 | kPartialChecksumBit:
    case 0x6 | kPartialChecksumBit:
      return packet();
    default:
      return malformed();
  }
}

Block BlockReader::packet() noexcept {
  const bool partial = (octet(rest_, 0) >> 4 & kPartialChecksumBit) != 0;
  const auto ip = parse_ip(rest_);
  if (!ip || ip->total_size > rest_.size()) return malformed();
  const auto bytes = take(ip->total_size);
  if (partial && transport_header_size(*ip, bytes) == 0) return malformed();
  bytes[0] &= std::byte{0x7f};
  return {.kind = partial ? BlockKind::partial_packet : BlockKind::packet, .packet = bytes};
}

Block BlockReader::slice() noexcept {
  WireReader reader(rest_);
  const unsigned flags = reader.u8();
  Slice slice;
  slice.first = (flags & kFirst) != 0;
  slice.last = (flags & kLast) != 0;
  slice.unit = reader.u8();
  slice.offset = reader.u16();
  const bool sized = (flags & kHasSize) != 0;
  const std::size_t stated_size = sized ? reader.u16() : 0;
  if ((flags & kHasMeta) != 0) {
    slice.meta = read_meta(reader);
    if (!slice.meta) return malformed();
  }
  if (!reader.ok() || stated_size > reader.rest().size()) return malformed();

  take(rest_.size() - reader.rest().size());
  slice.payload = take(sized ? stated_size : rest_.size());
  if (!is_placed_well(slice)) return malformed();
  return {.kind = BlockKind::slice, .slice = slice};
}

Block BlockReader::control() noexcept {
  WireReader reader(rest_);
  const unsigned type = reader.u8() & 0x0f;
  const std::uint16_t id = reader.u16();
  if (type == kProbe && reader.ok()) {
    take(kProbeSize);
    return {.kind = BlockKind::probe, .probe = {.id = id}};
  }
  const std::uint16_t received_size = reader.u16();
  if (type == kProbeAck && reader.ok()) {
    take(kProbeAckSize);
    return {.kind = BlockKind::probe_ack, .probe = {id, received_size}};
  }
  return malformed();
}

Block BlockReader::malformed() noexcept {
  rest_ = {};
  return {.kind = BlockKind::malformed};
}

std::span<std::byte> BlockReader::take(std::size_t size) noexcept {
  const auto taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

bool can_be_partial(std::span<const std::byte> packet) noexcept {
  const auto ip = parse_ip(packet);
  return ip && transport_header_size(*ip, packet) != 0;
}

std::byte* write_slice_header(const SliceHeader& header, std::byte* out) noexcept {
  WireWriter writer({out, slice_header_size(header)});
  const unsigned flags = (header.first ? kFirst : 0) | (header.last ? kLast : 0) |
                         (header.meta ? kHasMeta : 0) | (header.size ? kHasSize : 0);
  writer.u8(static_cast<std::uint8_t>(kSliceNibble << 4 | flags));
  writer.u8(header.unit);
  writer.u16(header.offset);
  if (header.size) writer.u16(*header.size);
  if (header.meta) {
    const UnitMeta& meta = *header.meta;
    assert(meta.headers.size() <= kMaxUnitHeaderSize && is_consistent(meta));
    writer.u8(static_cast<std::uint8_t>(static_cast<unsigned>(meta.kind) |
                                        (meta.checksum_partial ? kUnitPartialChecksum : 0) |
                                        (meta.ecn ? kUnitEcn : 0)));
    writer.u8(static_cast<std::uint8_t>(meta.headers.size()));
    writer.u16(meta.segment_size);
    writer.u16(meta.payload_size);
    writer.bytes(meta.headers);
  }
  assert(writer.ok());
  return out + writer.size();
}

void write_probe(std::uint16_t id, std::byte* out) noexcept {
  WireWriter writer({out, kProbeSize});
  writer.u8(kControlNibble << 4 | kProbe);
  writer.u16(id);
}

void write_probe_ack(const Probe& probe, std::byte* out) noexcept {
  WireWriter writer({out, kProbeAckSize});
  writer.u8(kControlNibble << 4 | kProbeAck);
  writer.u16(probe.id);
  writer.u16(probe.received_size);
}

void write_padding(std::span<std::byte> rest) noexcept {
  std::memset(rest.data(), 0, rest.size());
}

}  // namespace vpnd::proto
