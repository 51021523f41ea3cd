// Functions stand in the order in which a packet meets them.
//
//   1 find the peer, and leave the packet to the worker that has it
//   2 cut a super-packet and lay the segments into the peer's run
//   3 seal the run
//   4 send it

#include "vpnd/dataplane/outbound.hpp"

#include <algorithm>
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
                   DropCounters& drops, const OutboundLimits& limits)
    : peers_(peers), io_(io), buffers_(buffers), port_(port), drops_(drops), limits_(limits) {
  for (std::size_t i = 0; i < limits_.open_runs; ++i) {
    runs_.push_back(std::make_unique<OutboundRun>());
    free_runs_.push_back(runs_.back().get());
  }
  open_.reserve(limits_.open_runs);
  worn_keys_.reserve(limits_.open_runs);
}

void Outbound::send(std::span<const tunio::TunArrival> arrivals) noexcept {
  for (const tunio::TunArrival& arrival : arrivals) {
    const DropReason drop = route(arrival);
    if (drop != DropReason::none) drops_.count(drop);
  }
}

DropReason Outbound::route(const tunio::TunArrival& arrival) noexcept {
  const auto packet = tunio::IpPacket::parse(arrival.packet);
  if (!packet) return DropReason::not_ip;

  const auto index = routes_ == nullptr ? PeerIndex{0} : routes_->find(packet->destination());
  if (!index) return DropReason::no_route;
  if (Peer* const peer = peers_.at(*index)) return send_to(*peer, *packet, arrival);
  return hand_over(
      {.kind = HandoverNote::Kind::from_tun, .peer = *index, .header = arrival.header, .source = {}},
      arrival.packet);
}

DropReason Outbound::hand_over(const HandoverNote& note, std::span<const std::byte> packet) noexcept {
  const PeerTable::Remote* const remote = peers_.remote(note.peer);
  return remote != nullptr ? port_.give(remote->owner, note, packet) : DropReason::no_route;
}

DropReason Outbound::send(const HandedOver& given) noexcept {
  Peer* const peer = peers_.at(given.note.peer);
  if (peer == nullptr) return DropReason::no_route;
  if (given.note.kind == HandoverNote::Kind::from_peer) return forward(*peer, given.bytes);
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

  const auto framing = peer.settings.framing;
  if (arrival.header == tunio::VirtioNetHeader{} && proto::framing_size(framing) == 0) {
    return append_plain(peer, segmenter->packet().bytes());
  }
  for (std::size_t i = 0; i < segmenter->count(); ++i) {
    const std::size_t size = segmenter->segment_size(i) + proto::framing_size(framing);
    DropReason drop = DropReason::none;
    OutboundRun* const run = run_for(peer, size, drop);
    if (run == nullptr) {
      drops_.count(drop, segmenter->count() - i - 1);
      return drop;
    }
    std::byte* const place = run->payload_place();
    segmenter->write(i, place + proto::framing_prefix_size(framing));
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

DropReason Outbound::forward(PeerIndex to, std::span<const std::byte> packet) noexcept {
  if (Peer* const peer = peers_.at(to)) return forward(*peer, packet);
  return hand_over({.kind = HandoverNote::Kind::from_peer, .peer = to, .header = {}, .source = {}}, packet);
}

DropReason Outbound::forward(Peer& to, std::span<const std::byte> packet) noexcept {
  if (to.sending == nullptr) return DropReason::not_established;
  if (proto::framing_size(to.settings.framing) == 0) return append_plain(to, packet);
  return send_payload(to, packet);
}

DropReason Outbound::send_payload(Peer& to, std::span<const std::byte> payload) noexcept {
  if (to.sending == nullptr) return DropReason::not_established;
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

// The peer's open run if the payload fits it, else a new one.
OutboundRun* Outbound::run_for(Peer& peer, std::size_t payload_size, DropReason& drop) noexcept {
  if (peer.run != nullptr) {
    if (peer.run->takes(payload_size)) return peer.run;
    finish_run(peer);
    std::erase(open_, &peer);
    release_run(peer);
  }
  OutboundRun* const run = begin_run(peer, drop);
  if (run == nullptr || run->takes(payload_size)) return run;
  drop = DropReason::too_big;
  return nullptr;
}

OutboundRun* Outbound::begin_run(Peer& peer, DropReason& drop) noexcept {
  if (peer.link.stream && io_.stream_backlog(*peer.link.stream) > limits_.stream_backlog_bytes) {
    drop = DropReason::backlog_full;
    return nullptr;
  }
  if (free_runs_.empty()) finish(now_);
  tunio::Buffer buffer = buffers_.take();
  if (!buffer) {
    drop = DropReason::no_buffer;
    return nullptr;
  }
  OutboundRun* const run = free_runs_.back();
  free_runs_.pop_back();
  run->start(std::move(buffer), peer.link.stream ? OutboundRun::Kind::frames : OutboundRun::Kind::datagrams,
             peer.sending->sealer->overhead(), peer.sending->sealer->payload_offset());
  peer.run = run;
  open_.push_back(&peer);
  return run;
}

void Outbound::finish(proto::TimePoint now) noexcept {
  now_ = now;
  for (Peer* const peer : open_) {
    finish_run(*peer);
    release_run(*peer);
  }
  open_.clear();
}

void Outbound::finish_run(Peer& peer) noexcept {
  OutboundRun& run = *peer.run;
  KeySlot& key = *peer.sending;
  const auto records = run.records();
  const std::size_t sealed = key.sealer->seal(records);
  if (sealed < records.size()) drops_.count(DropReason::packet_ids_exhausted, records.size() - sealed);
  if (key.sealer->wants_rekey() && !key.wear_reported) {
    key.wear_reported = true;
    worn_keys_.push_back({peer.index, key.id});
  }
  if (sealed == 0) return;

  const std::size_t size = run.wire_size(sealed);
  if (run.kind() == OutboundRun::Kind::frames) {
    io_.write_stream(*peer.link.stream, run.take_buffer(), size);
  } else {
    io_.send_udp(peer.link.endpoint, run.take_buffer(), size, run.datagram_size());
  }
  peer.last_sent = now_;
  peer.counters->bytes_sent.add(size);
  peer.counters->records_sent.add(sealed);
}

void Outbound::release_run(Peer& peer) noexcept {
  peer.run->discard();
  free_runs_.push_back(peer.run);
  peer.run = nullptr;
}

void Outbound::abandon(Peer& peer) noexcept {
  if (peer.run == nullptr) return;
  std::erase(open_, &peer);
  release_run(peer);
}

}  // namespace vpnd::dataplane
