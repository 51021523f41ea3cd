// Functions stand in the order in which a packet meets them.
//
//   1 cut a run into datagrams, a stream into frames
//   2 find peer and key, and leave the datagram to the worker that has them
//   3 open: authenticate, then replay check
//   4 strip framing, recognise pings
//   5 check the inner source
//   6 merge and write to tun

#include "vpnd/dataplane/inbound.hpp"

#include <utility>

#include "proto/compression_framing.hpp"
#include "proto/opcode.hpp"
#include "tunio/byte_order.hpp"
#include "tunio/ip_packet.hpp"
#include "vpnd/dataplane/mss.hpp"

namespace vpnd::dataplane {

using proto::DropReason;

namespace {

// Data packets are told from control packets by the opcode in the first five bits.
bool is_data_packet(std::byte first) noexcept {
  const auto parsed = proto::parse_first_byte(first);
  return parsed && proto::is_data(parsed->opcode);
}

// How often an address is reported that the control thread has refused: whose it was may have left meanwhile.
constexpr std::chrono::seconds kFloatRepeat{1};

bool looks_like_ip(std::span<const std::byte> payload) noexcept {
  const auto version = std::to_integer<unsigned>(payload.front()) >> 4;
  return version == 4 || version == 6;
}

}  // namespace

Inbound::Inbound(PeerTable& peers, tunio::BatchIo& io, Outbound& outbound, tunio::BufferPool& buffers,
                 HandoverPort& port, DropCounters& drops, InboundObserver& observer,
                 const InboundPolicy& policy, crypto::CryptoFork* help)
    : peers_(peers),
      io_(io),
      outbound_(outbound),
      buffers_(buffers),
      port_(port),
      drops_(drops),
      observer_(observer),
      policy_(policy),
      help_(help),
      pending_(help != nullptr ? kBatchesWithHelp : 1),
      coalescer_(policy.udp_merging, tunio::Coalescer::kDefaultCapacity, policy.tcp_merging) {}

void Inbound::receive(std::span<const tunio::UdpArrival> runs, proto::TimePoint now) noexcept {
  now_ = now;
  for (const tunio::UdpArrival& run : runs) {
    std::span<std::byte> rest = run.bytes;
    while (!rest.empty()) {
      const auto datagram = rest.first(std::min(run.segment_size, rest.size()));
      rest = rest.subspan(datagram.size());
      const DropReason drop = take_datagram(datagram, run.source);
      if (drop != DropReason::none) drops_.count(drop);
    }
  }
  open_pending();
}

DropReason Inbound::take_datagram(std::span<std::byte> datagram, const tunio::Endpoint& source) noexcept {
  if (!is_data_packet(datagram.front())) {
    observer_.on_control_packet({.endpoint = source, .stream = std::nullopt}, datagram);
    return DropReason::none;
  }
  const auto [drop, header] = proto::parse_data_header(datagram);
  if (drop != DropReason::none) return drop;
  Peer* const peer = peer_of(header, source);
  if (peer == nullptr) return hand_over(header, datagram, source);
  if (peer->link.stream) return DropReason::unknown_peer;
  return take_data(peer, datagram, source);
}

Peer* Inbound::peer_of(const proto::DataHeader& header, const tunio::Endpoint& source) noexcept {
  return header.peer_id == proto::kNoPeer ? peers_.find(source) : peers_.find(header.peer_id);
}

// The kernel steers by peer id, but a client without one, and what came before the steering, lands where it
// may.
DropReason Inbound::hand_over(const proto::DataHeader& header, std::span<std::byte> datagram,
                              const tunio::Endpoint& source) noexcept {
  const PeerTable::Remote* const remote =
      header.peer_id == proto::kNoPeer ? peers_.remote(source) : peers_.remote(header.peer_id);
  if (remote == nullptr || !remote->endpoint) return DropReason::unknown_peer;
  return port_.give(
      remote->owner,
      {.kind = HandoverNote::Kind::datagram, .header = {}, .peer = remote->index, .source = source},
      datagram);
}

// Whoever handed it over may be behind about who has the peer; it is not sent round a second time.
DropReason Inbound::receive(const HandedOver& given, proto::TimePoint now) noexcept {
  now_ = now;
  const auto [drop, header] = proto::parse_data_header(given.bytes);
  if (drop != DropReason::none) return drop;
  Peer* const peer = peer_of(header, given.note.source);
  if (peer == nullptr || peer->link.stream) return DropReason::unknown_peer;
  return take_data(peer, given.bytes, given.note.source);
}

void Inbound::receive(std::span<const tunio::StreamArrival> arrivals, proto::TimePoint now) noexcept {
  now_ = now;
  for (const tunio::StreamArrival& arrival : arrivals) {
    Peer* const peer = peers_.find(arrival.stream);
    const Link link{.endpoint = peer != nullptr ? peer->link.endpoint : tunio::Endpoint(),
                    .stream = arrival.stream};
    std::span<std::byte> rest = arrival.frames;
    while (!rest.empty()) {
      const std::size_t size = tunio::load_be16(rest.data());
      const DropReason drop = take_frame(rest.subspan(2, size), peer, link);
      if (drop != DropReason::none) drops_.count(drop);
      rest = rest.subspan(2 + size);
    }
    open_pending();
  }
}

// A stream belongs to one peer, so the peer id in the header is not asked.
DropReason Inbound::take_frame(std::span<std::byte> frame, Peer* peer, const Link& link) noexcept {
  if (!is_data_packet(frame.front())) {
    observer_.on_control_packet(link, frame);
    return DropReason::none;
  }
  if (peer == nullptr) return DropReason::not_established;
  return take_data(peer, frame, link.endpoint);
}

DropReason Inbound::take_data(Peer* peer, std::span<std::byte> packet,
                              const tunio::Endpoint& source) noexcept {
  const auto first = proto::parse_first_byte(packet.front());
  KeySlot* const key = peer->key(first->key_id);
  if (key == nullptr) return DropReason::unknown_key;
  if (laid_out_ == 0 || !pending_[laid_out_ - 1].takes(key, source)) {
    if (laid_out_ == pending_.size()) open_pending();
    pending_[laid_out_++].begin(peer, key, source);
  }
  Pending& batch = pending_[laid_out_ - 1];
  batch.records[batch.count++] = {.wire = packet, .plaintext = {}};
  batch.bytes += packet.size();
  return DropReason::none;
}

// With help every batch is one job; they are delivered in the order in which they came.
void Inbound::open_pending() noexcept {
  const auto laid_out = std::span(pending_).first(laid_out_);
  if (help_ == nullptr) {
    for (Pending& batch : laid_out) {
      batch.open();
      deliver(batch);
    }
  } else {
    for (Pending& batch : laid_out) {
      help_->add({.work = [](void* context) noexcept { static_cast<Pending*>(context)->open(); },
                  .context = &batch,
                  .key = batch.key,
                  .bytes = batch.bytes});
    }
    help_->run([&](std::size_t k) noexcept { deliver(laid_out[k]); });
  }
  laid_out_ = 0;
}

void Inbound::deliver(const Pending& batch) noexcept {
  Peer& peer = *batch.peer;
  if (!peer.link.stream && batch.source != peer.link.endpoint && batch.has_authentic())
    follow(peer, batch.source);  // first: what is answered is answered there
  std::size_t authentic = 0;
  for (const proto::OpenRecord& record : std::span(batch.records).first(batch.count)) {
    if (record.drop != DropReason::none) {
      drops_.count(record.drop);
      continue;
    }
    ++authentic;
    const DropReason drop = deliver(peer, record.plaintext);
    if (drop != DropReason::none) drops_.count(drop);
  }
  after_opening(batch, authentic);
}

// What the peer as a whole learns from a batch, once. Only authentic records move timers and addresses.
void Inbound::after_opening(const Pending& batch, std::size_t authentic) noexcept {
  Peer& peer = *batch.peer;
  KeySlot& key = *batch.key;
  if (peer.link.stream && authentic < batch.count && !peer.stream_end_reported) {
    // The stream's integrity is lost: nothing after a forged record can be trusted to be where it seems to
    // be.
    const auto stream = *peer.link.stream;
    io_.close_stream(stream);
    peer.stream_end_reported = true;
    observer_.on_event(StreamEnded{peer.link.worker, stream, std::make_error_code(std::errc::bad_message)});
  }
  if (key.opener->wants_rekey() && !key.wear_reported) {
    key.wear_reported = true;
    observer_.on_event(KeyWearsOut{peer.session, key.id});
  }
  if (authentic == 0) return;

  peer.last_received = now_;
  peer.counters->last_received.set(now_);
  peer.counters->bytes_received.add(batch.bytes);
  peer.counters->records_received.add(authentic);
  if (peer.batch && peer.batch->path) {
    peer.batch->path->received();
    if (!std::exchange(peer.batch->is_heard, true)) outbound_.probe_path(peer);
  }
  if (!key.used_by_peer) {
    key.used_by_peer = true;
    observer_.on_event(KeyUsed{peer.session, key.id});
  }
}

// A session's address is for the control thread to decide on: others may have it. Another lane than the first
// has no control packets and no DATA_V1, and is found by its peer id alone, so nobody is in the way.
void Inbound::follow(Peer& peer, const tunio::Endpoint& source) noexcept {
  const bool is_news = now_ - peer.float_reported_at >= kFloatRepeat;
  if (!peer.is_first_lane()) {
    peers_.move(peer, source);
    outbound_.follow_path(peer);
    if (!is_news) return;
    observer_.on_event(LaneFloated{peer.session, peer.lane(), source});
  } else {
    if (source == peer.float_reported && !is_news) return;
    observer_.on_event(PeerFloated{peer.session, source});
  }
  peer.float_reported = source;
  peer.float_reported_at = now_;
}

DropReason Inbound::deliver(Peer& peer, std::span<std::byte> plaintext) noexcept {
  return peer.batch ? deliver_blocks(peer, plaintext) : deliver_payload(peer, plaintext);
}

DropReason Inbound::deliver_payload(Peer& peer, std::span<std::byte> plaintext) noexcept {
  const auto [drop, payload] = proto::strip_framing(peer.settings.framing, plaintext);
  if (drop != DropReason::none) return drop;
  if (looks_like_ip(payload)) return deliver_packet(peer, payload, tunio::InnerChecksum::unverified);
  if (proto::is_ping(payload)) return DropReason::none;
  const auto occ = proto::occ_op(payload);
  if (!occ) return DropReason::not_ip;
  if (*occ == proto::kOccExit) observer_.on_event(PeerExited{peer.session});
  return DropReason::none;
}

DropReason Inbound::deliver_packet(Peer& peer, std::span<std::byte> bytes,
                                   tunio::InnerChecksum checksum) noexcept {
  const auto packet = tunio::IpPacket::parse(bytes);
  if (!packet) return DropReason::malformed;
  if (!owns_source(peer, packet->source())) return DropReason::foreign_source;
  if (peer.settings.block_ipv6 && !packet->is_v4()) return DropReason::ipv6_blocked;

  const bool is_partial = checksum == tunio::InnerChecksum::partial;
  bytes = bytes.first(packet->size());
  clamp_syn(peer.settings, *packet, bytes,
            is_partial ? tunio::ChecksumState::partial : tunio::ChecksumState::complete);
  if (const auto to = other_peer_for(peer, packet->destination())) {
    return outbound_.forward(
        *to,
        {.header = is_partial ? tunio::partial_header(bytes) : tunio::VirtioNetHeader{}, .packet = bytes});
  }
  add_to_tun(bytes, checksum);
  peer.counters->tun_bytes_written.add(bytes.size());
  return DropReason::none;
}

void Inbound::set_routes(const routing::RouteTable* routes) noexcept {
  routes_ = routes;
  known_source_ = {};
}

bool Inbound::owns_source(const Peer& peer, const tunio::IpAddress& source) noexcept {
  if (routes_ == nullptr) return true;
  if (known_source_.peer != &peer || known_source_.address != source) {
    known_source_ = {&peer, source, routes_->find(source) == peer.session};
  }
  return known_source_.is_owner;
}

std::optional<PeerIndex> Inbound::other_peer_for(const Peer& from,
                                                 const tunio::IpAddress& destination) noexcept {
  if (!policy_.client_to_client || routes_ == nullptr) return std::nullopt;
  const auto index = routes_->find(destination);
  return index && *index != from.session ? index : std::nullopt;
}

void Inbound::add_to_tun(std::span<std::byte> packet, tunio::InnerChecksum checksum) noexcept {
  if (coalescer_.add(packet, checksum)) return;
  flush_tun();
  (void)coalescer_.add(packet, checksum);  // empty now: there is room
}

// In the middle of a turn, to make room. What was forwarded may lie in the scratch, so it is sealed first.
void Inbound::flush_tun() noexcept {
  outbound_.finish();
  if (!coalescer_.empty()) io_.write_tun(coalescer_.finish());
  io_.flush();
  coalescer_.clear();
  scratch_.release();
}

void Inbound::finish() noexcept {
  for (Peer* const peer : assembling_) release_parts(*peer);
  if (!coalescer_.empty()) io_.write_tun(coalescer_.finish());
}

}  // namespace vpnd::dataplane
