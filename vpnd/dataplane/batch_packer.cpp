// Functions stand in the order in which a packet meets them.
//
//   1 a packet that fits a record becomes a block
//   2 a super-packet, or a packet too large for a record, becomes a unit in slices
//   3 make room: records are closed and runs begun as they fill up

#include "vpnd/dataplane/batch_packer.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "tunio/unit_headers.hpp"
#include "vpnd/dataplane/unit_assembler.hpp"

namespace vpnd::dataplane {

using proto::DropReason;
using tunio::Segmenter;

namespace {

constexpr std::uint16_t kTcpChecksumOffset = 16;
constexpr std::uint16_t kUdpChecksumOffset = 6;
// A record with less room than this is closed rather than filled with the beginning of a unit.
constexpr std::size_t kSmallestSlice = 64;
// Long units go into a run of their own if the records of the open one are smaller than this share of what
// they could be.
constexpr std::size_t kSmallRecordsNumerator = 3;
constexpr std::size_t kSmallRecordsDenominator = 4;
// A path on which something was lost is taken for one that loses for so long.
constexpr std::chrono::seconds kLossMemory{5};

bool is_partial(const tunio::VirtioNetHeader& header) noexcept {
  return (header.flags & tunio::kVirtioNeedsChecksum) != 0;
}

// Whether the receiver finds the checksum field by itself: in the TCP or UDP header right behind the IP
// header.
bool is_plain_transport(const tunio::IpPacket& packet) noexcept {
  const bool has_ports = packet.protocol() == tunio::kProtocolTcp || packet.protocol() == tunio::kProtocolUdp;
  return has_ports && packet.has_transport() && !packet.is_fragment() && !packet.has_options();
}

bool has_usual_checksum(const tunio::IpPacket& packet, const tunio::VirtioNetHeader& header) noexcept {
  const bool is_tcp = packet.protocol() == tunio::kProtocolTcp;
  return is_plain_transport(packet) && header.csum_start == packet.transport_offset() &&
         header.csum_offset == (is_tcp ? kTcpChecksumOffset : kUdpChecksumOffset);
}

// All headers of a packet that can be cut; of others the IP header, IPv4's with its options.
std::size_t header_size(const tunio::IpPacket& packet) noexcept {
  const std::size_t ip = packet.is_v4()
                             ? std::to_integer<std::size_t>(packet.bytes()[0] & std::byte{0x0f}) * 4
                             : tunio::kIpv6HeaderSize;
  if (!is_plain_transport(packet)) return ip;
  if (packet.protocol() == tunio::kProtocolUdp)
    return packet.transport().size() >= tunio::kUdpHeaderSize ? ip + tunio::kUdpHeaderSize : ip;
  const auto tcp = tunio::tcp_header_size(packet.transport());
  return tcp ? ip + *tcp : ip;
}

proto::UnitKind super_packet_kind(const tunio::IpPacket& packet) noexcept {
  if (packet.protocol() == tunio::kProtocolUdp) return proto::UnitKind::udp;
  return packet.is_v4() ? proto::UnitKind::tcp_v4 : proto::UnitKind::tcp_v6;
}

}  // namespace

DropReason BatchPacker::append(Peer& peer, const tunio::VirtioNetHeader& header, const Segmenter& segmenter,
                               std::size_t first_segment) noexcept {
  const tunio::IpPacket& packet = segmenter.packet();
  if (segmenter.is_segmented()) return append_super_packet(peer, header, segmenter, first_segment);
  if (!is_partial(header)) return append_packet(peer, packet, Checksum::complete);
  if (has_usual_checksum(packet, header)) return append_packet(peer, packet, Checksum::partial);
  return append_finished(peer, segmenter, first_segment);
}

DropReason BatchPacker::append_packet(Peer& peer, const tunio::IpPacket& packet, Checksum checksum) noexcept {
  const auto bytes = packet.bytes();
  if (bytes.size() > peer.batch->body_size) return append_large_packet(peer, packet, checksum);
  if (const DropReason drop = make_room(peer, bytes.size()); drop != DropReason::none) return drop;
  std::byte* const place = peer.run->open_place();
  std::memcpy(place, bytes.data(), bytes.size());
  if (checksum == Checksum::partial) proto::mark_checksum_partial(place);
  peer.run->extend(bytes.size());
  return DropReason::none;
}

// Packets whose checksums the far kernel could not finish are finished here, each by itself.
DropReason BatchPacker::append_finished(Peer& peer, const Segmenter& segmenter,
                                        std::size_t first_segment) noexcept {
  for (std::size_t i = first_segment; i < segmenter.count(); ++i) {
    const auto packet = std::span(scratch_).first(segmenter.segment_size(i));
    segmenter.write(i, packet.data());
    const auto view = tunio::IpPacket::parse(packet);
    if (!view) return DropReason::malformed;
    const DropReason drop = append_packet(peer, *view, Checksum::complete);
    if (drop != DropReason::none) return drop;
  }
  return DropReason::none;
}

DropReason BatchPacker::append_super_packet(Peer& peer, const tunio::VirtioNetHeader& header,
                                            const Segmenter& segmenter, std::size_t first_segment) noexcept {
  const tunio::IpPacket& packet = segmenter.packet();
  const bool is_udp = packet.protocol() == tunio::kProtocolUdp;
  const std::size_t headers = segmenter.header_size();
  const std::size_t segment = segmenter.payload_per_segment();
  Unit unit{.meta = {.kind = super_packet_kind(packet),
                     .checksum_partial = true,
                     .ecn = (header.gso_type & tunio::kVirtioGsoEcn) != 0,
                     .headers = packet.bytes().first(headers),
                     .segment_size = static_cast<std::uint16_t>(segment),
                     .payload_size = static_cast<std::uint16_t>(packet.size() - headers)},
            .payload = packet.bytes().subspan(headers),
            .grain = is_udp ? segment : 1,
            .headers = is_udp ? Headers::twice : tcp_headers(*peer.batch, packet)};
  const std::size_t smallest_slice = proto::slice_header_size({.size = 0, .meta = unit.meta}) + unit.grain;
  const bool can_be_unit = has_usual_checksum(packet, header) && !unit.payload.empty();
  if (!can_be_unit || smallest_slice > peer.batch->body_size ||
      (first_segment > 0 && !take_front(unit, first_segment * segment)))
    return append_finished(peer, segmenter, first_segment);
  return append_unit(peer, unit);
}

// Takes so much payload, whole segments, from the front of the unit; its new headers lie in scratch_. False:
// its headers are such that it cannot.
bool BatchPacker::take_front(Unit& unit, std::size_t size) noexcept {
  proto::UnitMeta& meta = unit.meta;
  const auto headers = parse_headers(meta);
  if (!headers) return false;
  const auto cut = headers->write_cut(size, meta.payload_size - size, scratch_.data());
  meta.headers = std::span(scratch_).first(cut.size);
  meta.ecn = false;  // CWR was for the first segment
  meta.payload_size = static_cast<std::uint16_t>(meta.payload_size - size);
  unit.payload = unit.payload.subspan(size);
  return true;
}

DropReason BatchPacker::append_large_packet(Peer& peer, const tunio::IpPacket& packet,
                                            Checksum checksum) noexcept {
  const auto bytes = packet.bytes();
  const std::size_t headers = header_size(packet);
  return append_unit(peer, {.meta = {.kind = proto::UnitKind::plain,
                                     .checksum_partial = checksum == Checksum::partial,
                                     .headers = bytes.first(headers),
                                     .payload_size = static_cast<std::uint16_t>(bytes.size() - headers)},
                            .payload = bytes.subspan(headers),
                            .headers = tcp_headers(*peer.batch, packet)});
}

// Headers once more are a thousandth of a super-packet, which is worth it where TCP loses packets. Of what is
// neither TCP nor a super-packet a part would be of no use.
BatchPacker::Headers BatchPacker::tcp_headers(BatchLane& lane, const tunio::IpPacket& packet) noexcept {
  if (packet.protocol() != tunio::kProtocolTcp) return Headers::once;
  if (retransmissions_.repeats(packet)) lane.lossy_until = runs_.now() + kLossMemory;
  return runs_.now() < lane.lossy_until ? Headers::twice : Headers::once;
}

DropReason BatchPacker::append_unit(Peer& peer, const Unit& unit) noexcept {
  const std::size_t body_size = peer.batch->body_size;
  const bool small_records =
      peer.run != nullptr &&
      peer.run->body_limit(body_size) < body_size * kSmallRecordsNumerator / kSmallRecordsDenominator;
  DropReason drop = DropReason::none;
  if (small_records && runs_.start(peer, drop) == nullptr) return drop;

  std::size_t offset = 0;
  while (drop == DropReason::none && offset < unit.payload.size()) drop = append_slice(peer, unit, offset);
  ++peer.batch->next_unit;
  return drop;
}

// Appends the slice that begins at `offset`, as large as the open record has room, and moves `offset` behind
// it.
DropReason BatchPacker::append_slice(Peer& peer, const Unit& unit, std::size_t& offset) noexcept {
  const std::size_t rest = unit.payload.size() - offset;
  proto::SliceHeader slice{
      .first = offset == 0, .unit = peer.batch->next_unit, .offset = static_cast<std::uint16_t>(offset)};
  if (slice.first) slice.meta = unit.meta;
  // The last one states its size, so that other blocks may follow.
  proto::SliceHeader last = slice;
  last.last = true;
  last.size = static_cast<std::uint16_t>(rest);
  if (unit.headers == Headers::twice) last.meta = unit.meta;

  const std::size_t least = std::max(unit.grain, kSmallestSlice);
  const std::size_t needed = rest <= least ? proto::slice_header_size(last) + rest
                                           : proto::slice_header_size(slice) + proto::kSliceSizeField + least;
  if (const DropReason drop = make_room(peer, needed); drop != DropReason::none) return drop;
  OutboundRun& run = *peer.run;
  const std::size_t room = run.body_limit(peer.batch->body_size) - run.open_size();
  const auto lay = [&](const proto::SliceHeader& header, std::size_t taken) {
    std::byte* const payload = proto::write_slice_header(header, run.open_place());
    std::memcpy(payload, unit.payload.data() + offset, taken);
    run.extend(proto::slice_header_size(header) + taken);
    offset += taken;
  };
  if (proto::slice_header_size(last) + rest <= room) {
    lay(last, rest);
    return DropReason::none;
  }
  // One that fills the record to the brim needs no size.
  std::size_t taken = room - proto::slice_header_size(slice);
  if (unit.grain > 1 || taken >= rest) {
    taken = std::min(taken - proto::kSliceSizeField, rest - 1) / unit.grain * unit.grain;
    slice.size = static_cast<std::uint16_t>(taken);
  }
  lay(slice, taken);
  return DropReason::none;
}

DropReason BatchPacker::append_probe_ack(Peer& peer, const proto::Probe& probe) noexcept {
  if (!runs_.has_room(peer)) return DropReason::backlog_full;
  if (const DropReason drop = make_room(peer, proto::kProbeAckSize); drop != DropReason::none) return drop;
  proto::write_probe_ack(probe, peer.run->open_place());
  peer.run->extend(proto::kProbeAckSize);
  return DropReason::none;
}

DropReason BatchPacker::append_probe(Peer& peer, const proto::PathMtu::Probe& probe) noexcept {
  DropReason drop = DropReason::none;
  OutboundRun* const run = runs_.start(peer, drop);
  if (run == nullptr) return drop;
  const std::size_t body_size = probe.size - proto::kRecordOverhead;
  proto::write_probe(probe.id, run->open_place());
  proto::write_padding({run->open_place() + proto::kProbeSize, body_size - proto::kProbeSize});
  run->extend(body_size);
  runs_.send_probe(peer);
  return DropReason::none;
}

DropReason BatchPacker::append_keepalive(Peer& peer) noexcept {
  if (!runs_.has_room(peer)) return DropReason::backlog_full;
  DropReason drop = DropReason::none;
  if (OutboundRun* const run = runs_.start(peer, drop)) run->add_in_place(0);
  return drop;
}

// Afterwards the peer's open record takes so many bytes more.
DropReason BatchPacker::make_room(Peer& peer, std::size_t needed) noexcept {
  const std::size_t body_size = peer.batch->body_size;
  if (peer.run != nullptr) {
    if (peer.run->open_size() + needed <= peer.run->body_limit(body_size)) return DropReason::none;
    close_record(peer, needed);
    if (needed <= peer.run->body_limit(body_size)) return DropReason::none;
  }
  DropReason drop = DropReason::none;
  const OutboundRun* const run = runs_.start(peer, drop);
  if (run == nullptr) return drop;
  return needed <= run->body_limit(body_size) ? DropReason::none : DropReason::too_big;
}

// The datagrams of a run must be equal, so the first record decides how large they are: as large as it is if
// what comes next needs no more, so that packets of one size waste nothing; else as large as can be. The
// others are filled up with padding, all zero.
void BatchPacker::close_record(Peer& peer, std::size_t needed) noexcept {
  OutboundRun& run = *peer.run;
  if (run.open_size() == 0) return;
  const bool decides = run.records().empty();
  if (run.kind() == OutboundRun::Kind::datagrams && (!decides || needed > run.open_size())) {
    const std::size_t padding = run.body_limit(peer.batch->body_size) - run.open_size();
    proto::write_padding({run.open_place(), padding});
    run.extend(padding);
  }
  run.close_record();
}

}  // namespace vpnd::dataplane
