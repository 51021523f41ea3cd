// The batch channel's half of Inbound, steps 4 to 6: the body of a record is cut into blocks, slices are put
// together, and what comes out goes on as any packet does.

#include <cstring>

#include "proto/batch_blocks.hpp"
#include "proto/batch_channel.hpp"
#include "vpnd/dataplane/inbound.hpp"

namespace vpnd::dataplane {

using proto::DropReason;

namespace {

// Of the datagram that the body came in. On a stream there are no probes to answer.
std::uint16_t record_size(std::span<const std::byte> body) noexcept {
  return static_cast<std::uint16_t>(body.size() + proto::kRecordOverhead);
}

}  // namespace

DropReason Inbound::deliver_blocks(Peer& peer, std::span<std::byte> body) noexcept {
  proto::BlockReader reader(body);
  for (;;) {
    const proto::Block block = reader.next();
    DropReason drop = DropReason::none;
    switch (block.kind) {
      case proto::BlockKind::end:
        return DropReason::none;
      case proto::BlockKind::malformed:
        return DropReason::malformed;
      case proto::BlockKind::packet:
        release_overtaken(peer);
        drop = deliver_packet(peer, block.packet, tunio::InnerChecksum::unverified);
        break;
      case proto::BlockKind::partial_packet:
        release_overtaken(peer);
        drop = deliver_packet(peer, block.packet, tunio::InnerChecksum::partial);
        break;
      case proto::BlockKind::slice:
        drop = deliver_slice(peer, block.slice);
        break;
      case proto::BlockKind::probe:
        drop = outbound_.answer_probe(peer, {block.probe.id, record_size(body)});
        break;
      case proto::BlockKind::probe_ack:
        take_probe_ack(peer, block.probe);
        break;
    }
    if (drop != DropReason::none) drops_.count(drop);
  }
}

// The next probe leaves with the turn, so that a search costs as many round trips as it has steps.
void Inbound::take_probe_ack(Peer& peer, const proto::Probe& ack) noexcept {
  if (!peer.batch->path) return;
  peer.batch->path->acknowledged(ack.id, ack.received_size, now_);
  outbound_.probe_path(peer);
}

// A sender finishes one unit before it lays anything else.
void Inbound::release_overtaken(Peer& peer) noexcept {
  if (!peer.batch->is_assembling) return;
  peer.batch->assembler.end_waiting();
  if (peer.batch->assembler.has_overdue()) release_parts(peer);
}

DropReason Inbound::deliver_slice(Peer& peer, const proto::Slice& slice) noexcept {
  UnitAssembler& assembler = peer.batch->assembler;
  if (assembler.would_displace(slice.unit)) release_parts(peer);
  if (const DropReason drop = assembler.take(slice, now_); drop != DropReason::none) return drop;
  if (assembler.has_overdue()) release_parts(peer);
  if (assembler.has_finished()) {
    // A whole unit needs room for headers and pieces without a flush in between.
    if (scratch_.is_full() || coalescer_.room() <= UnitAssembler::kMaxPieces) flush_tun();
    return deliver_assembled(peer, *assembler.take_finished(scratch_));
  }
  if (!peer.batch->is_assembling) {
    peer.batch->is_assembling = true;
    assembling_.push_back(&peer);
  }
  return DropReason::none;
}

DropReason Inbound::deliver_assembled(Peer& peer, const AssembledPacket& packet) noexcept {
  if (!owns_source(peer, packet.headers.source())) return DropReason::foreign_source;
  if (peer.settings.block_ipv6 && !packet.headers.is_v4()) return DropReason::ipv6_blocked;
  if (const auto to = other_peer_for(peer, packet.headers.destination()))
    return forward_assembled(*to, packet);
  std::size_t size = 0;
  for (const iovec& piece : packet.pieces) size += piece.iov_len;
  peer.counters->tun_bytes_written.add(size);
  return coalescer_.add_pieces(packet.header, packet.pieces) ? DropReason::none : DropReason::no_buffer;
}

// Another peer's records want the packet in one piece.
DropReason Inbound::forward_assembled(PeerIndex to, const AssembledPacket& packet) noexcept {
  tunio::Buffer buffer = buffers_.take();
  if (!buffer) return DropReason::no_buffer;
  std::size_t size = 0;
  for (const iovec& piece : packet.pieces) {
    std::memcpy(buffer.data() + size, piece.iov_base, piece.iov_len);
    size += piece.iov_len;
  }
  const DropReason drop =
      outbound_.forward(to, {.header = packet.header, .packet = buffer.bytes().first(size)});
  scratch_.keep(std::move(buffer));
  return drop;
}

void Inbound::release_parts(Peer& peer) noexcept {
  UnitAssembler& assembler = peer.batch->assembler;
  for (;;) {
    if (scratch_.is_full() || coalescer_.room() <= UnitAssembler::kMaxPieces) flush_tun();
    const auto part = assembler.next_part(scratch_, now_);
    if (!part) break;
    const DropReason drop = deliver_assembled(peer, *part);
    if (drop != DropReason::none) drops_.count(drop);
  }
  if (const std::size_t lost = assembler.take_lost_units(); lost > 0)
    drops_.count(DropReason::unit_incomplete, lost);
}

void Inbound::clear() noexcept {
  coalescer_.clear();
  scratch_.release();
  std::erase_if(assembling_, [this](Peer* peer) {
    BatchLane& lane = *peer->batch;
    if (const std::size_t lost = lane.assembler.keep(buffers_); lost > 0)
      drops_.count(DropReason::no_buffer, lost);
    lane.is_assembling = lane.assembler.deadline().has_value();
    return !lane.is_assembling;
  });
}

std::optional<proto::TimePoint> Inbound::deadline() const noexcept {
  std::optional<proto::TimePoint> earliest;
  for (const Peer* const peer : assembling_) {
    const auto due = peer->batch->assembler.deadline();
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

void Inbound::abandon(Peer& peer) noexcept {
  std::erase(assembling_, &peer);
  if (known_source_.peer == &peer) known_source_ = {};
}

}  // namespace vpnd::dataplane
