// Functions stand in the order in which a packet meets them.
//
//   1 find the session, and leave the packet to the worker that has it unless we have a lane of it
//   2 cut a super-packet and lay the segments into the peer's run
//   3 seal the run
//   4 send it

#include "vpnd/dataplane/outbound.hpp"

#include <cstring>

#include "tunio/segmentation.hpp"
#include "vpnd/dataplane/mss.hpp"

namespace vpnd::dataplane {

using proto::DropReason;

namespace {

tunio::ChecksumState checksum_state(const tunio::VirtioNetHeader& header) noexcept {
  return (header.flags & tunio::kVirtioNeedsChecksum) != 0 ? tunio::ChecksumState::partial
                                                           : tunio::ChecksumState::complete;
}

}  // namespace

Outbound::Outbound(PeerTable& peers, tunio::BatchIo& io, tunio::BufferPool& buffers, HandoverPort& port,
                   DropCounters& drops, const OutboundLimits& limits, crypto::CryptoFork* help)
    : peers_(peers),
      port_(port),
      drops_(drops),
      runs_(io, buffers, drops, limits, help),
      batch_packer_(runs_) {}

void Outbound::send(std::span<const tunio::TunArrival> arrivals) noexcept {
  for (const tunio::TunArrival& arrival : arrivals) {
    const DropReason drop = route(arrival);
    if (drop != DropReason::none) drops_.count(drop);
  }
}

DropReason Outbound::route(const tunio::TunArrival& arrival) noexcept {
  const auto packet = tunio::IpPacket::parse(arrival.packet);
  if (!packet) return DropReason::not_ip;

  const auto session = routes_ == nullptr ? PeerIndex{0} : routes_->find(packet->destination());
  if (!session) return DropReason::no_route;
  if (Peer* const lane = lane_to(*session)) return send_to(*lane, *packet, arrival);
  return hand_over(
      {.kind = HandoverNote::Kind::from_tun, .header = arrival.header, .peer = *session, .source = {}},
      arrival.packet);
}

// This worker's lane of a session, if packets may go by it. One that is not used is told that it would have
// been: then it looks for a way again.
Peer* Outbound::lane_to(PeerIndex session) noexcept {
  Peer* const lane = peers_.lane_of(session);
  if (lane == nullptr || lane->is_in_use()) return lane;
  if (lane->batch && lane->batch->path) lane->batch->path->sent(0, now_);
  return nullptr;
}

DropReason Outbound::hand_over(const HandoverNote& note, std::span<const std::byte> packet) noexcept {
  const PeerTable::Remote* const remote = peers_.remote(note.peer);
  return remote != nullptr ? port_.give(remote->owner, note, packet) : DropReason::no_route;
}

DropReason Outbound::send(const HandedOver& given) noexcept {
  Peer* const peer = peers_.at(given.note.peer);
  if (peer == nullptr) return DropReason::no_route;
  if (given.note.kind == HandoverNote::Kind::from_peer)
    return append(*peer, {given.note.header, given.bytes});
  const auto packet = tunio::IpPacket::parse(given.bytes);
  if (!packet) return DropReason::not_ip;
  return send_to(*peer, *packet, {given.note.header, given.bytes});
}

DropReason Outbound::send_to(Peer& peer, const tunio::IpPacket& packet,
                             const tunio::TunArrival& arrival) noexcept {
  if (peer.settings.block_ipv6 && !packet.is_v4()) return DropReason::ipv6_blocked;
  clamp_syn(peer.settings, packet, arrival.packet, checksum_state(arrival.header));
  return append(peer, arrival);
}

DropReason Outbound::append(Peer& peer, const tunio::TunArrival& arrival) noexcept {
  if (peer.sending == nullptr) return DropReason::not_established;
  const auto segmenter = tunio::Segmenter::parse(arrival.header, arrival.packet);
  if (!segmenter) return DropReason::malformed;
  peer.counters->tun_bytes_read.add(arrival.packet.size());
  runs_.follow_traffic_class(peer, segmenter->packet());

  switch (runs_.admit(peer)) {
    case RunQueue::Admission::whole:
      return append(peer, arrival.header, *segmenter, 0);
    case RunQueue::Admission::shortened:
      // One loss is enough for TCP to slow down. The first segment: those behind it show the receiver at once
      // that it is missing, so that it is sent again without a timeout.
      if (segmenter->count() == 1) return DropReason::backlog_full;
      drops_.count(DropReason::backlog_full);
      return append(peer, arrival.header, *segmenter, 1);
    case RunQueue::Admission::refused:
      break;
  }
  return DropReason::backlog_full;
}

DropReason Outbound::append(Peer& peer, const tunio::VirtioNetHeader& header,
                            const tunio::Segmenter& segmenter, std::size_t first_segment) noexcept {
  if (peer.batch) return batch_packer_.append(peer, header, segmenter, first_segment);
  if (header == tunio::VirtioNetHeader{} && proto::framing_size(peer.settings.framing) == 0) {
    return append_plain(peer, segmenter.packet().bytes());
  }
  return append_segments(peer, segmenter, first_segment);
}

DropReason Outbound::append_segments(Peer& peer, const tunio::Segmenter& segmenter,
                                     std::size_t first_segment) noexcept {
  const auto framing = peer.settings.framing;
  for (std::size_t i = first_segment; i < segmenter.count(); ++i) {
    const std::size_t size = segmenter.segment_size(i) + proto::framing_size(framing);
    DropReason drop = DropReason::none;
    OutboundRun* const run = run_for(peer, size, drop);
    if (run == nullptr) {
      drops_.count(drop, segmenter.count() - i - 1);
      return drop;
    }
    std::byte* const place = run->payload_place();
    segmenter.write(i, place + proto::framing_prefix_size(framing));
    proto::apply_framing(framing, {place, size});
    run->add_in_place(size);
  }
  return DropReason::none;
}

// A packet that is complete as it came is sealed straight from where tun put it.
DropReason Outbound::append_plain(Peer& peer, std::span<const std::byte> packet) noexcept {
  DropReason drop = DropReason::none;
  if (OutboundRun* const run = run_for(peer, packet.size(), drop)) run->add(packet.data(), packet.size());
  return drop;
}

DropReason Outbound::forward(PeerIndex to, const tunio::TunArrival& packet) noexcept {
  if (Peer* const lane = lane_to(to)) return append(*lane, packet);
  return hand_over({.kind = HandoverNote::Kind::from_peer, .header = packet.header, .peer = to, .source = {}},
                   packet.packet);
}

DropReason Outbound::send_payload(Peer& to, std::span<const std::byte> payload) noexcept {
  if (to.sending == nullptr || to.batch) return DropReason::not_established;
  if (!runs_.has_room(to)) return DropReason::backlog_full;
  const auto framing = to.settings.framing;
  const std::size_t size = payload.size() + proto::framing_size(framing);
  DropReason drop = DropReason::none;
  OutboundRun* const run = run_for(to, size, drop);
  if (run == nullptr) return drop;
  std::byte* const place = run->payload_place();
  std::memcpy(place + proto::framing_prefix_size(framing), payload.data(), payload.size());
  proto::apply_framing(framing, {place, size});
  run->add_in_place(size);
  return DropReason::none;
}

DropReason Outbound::send_keepalive(Peer& to) noexcept {
  if (!to.can_send()) return DropReason::not_established;
  return to.batch ? batch_packer_.append_keepalive(to) : send_payload(to, proto::kPingPayload);
}

DropReason Outbound::answer_probe(Peer& to, const proto::Probe& probe) noexcept {
  if (to.sending == nullptr) return DropReason::not_established;
  return batch_packer_.append_probe_ack(to, probe);
}

void Outbound::probe_path(Peer& peer) noexcept {
  if (!peer.batch || !peer.batch->path || !peer.batch->is_heard || !peer.can_send()) return;
  BatchLane& lane = *peer.batch;
  while (const auto probe = lane.path->poll(now_)) {
    const DropReason drop = batch_packer_.append_probe(peer, *probe);
    if (drop != DropReason::none) drops_.count(drop);
  }
  const std::size_t body_size = lane.path->size() - proto::kRecordOverhead;
  if (body_size < lane.body_size) runs_.send(peer);  // what was laid out for the larger size
  lane.body_size = body_size;
}

void Outbound::follow_path(Peer& peer) noexcept {
  if (!peer.batch || !peer.batch->path) return;
  peer.batch->path->path_changed(now_);
  probe_path(peer);
}

// Seldom enough to look at every peer; the lanes of one may share the address.
void Outbound::path_refused(const tunio::UdpRefusal& refusal) noexcept {
  peers_.for_each([&](Peer& peer) {
    if (!peer.batch || !peer.batch->path || peer.link.endpoint != refusal.to) return;
    peer.batch->path->too_big(refusal.size, now_);
    probe_path(peer);
  });
}

// The peer's open run if the payload fits it, else a new one.
OutboundRun* Outbound::run_for(Peer& peer, std::size_t payload_size, DropReason& drop) noexcept {
  if (peer.run != nullptr && peer.run->takes(payload_size)) return peer.run;
  OutboundRun* const run = runs_.start(peer, drop);
  if (run == nullptr || run->takes(payload_size)) return run;
  drop = DropReason::too_big;
  return nullptr;
}

}  // namespace vpnd::dataplane
