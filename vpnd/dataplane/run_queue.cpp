#include "vpnd/dataplane/run_queue.hpp"

namespace vpnd::dataplane {

using proto::DropReason;

namespace {

// A queue this short is no queue: on a slow link the packet that is being sent takes long, and losing the
// next one would not make it faster.
constexpr std::size_t kShortQueue = std::size_t{2} * 1500;

}  // namespace

RunQueue::RunQueue(tunio::BatchIo& io, tunio::BufferPool& buffers, DropCounters& drops,
                   const OutboundLimits& limits, crypto::CryptoFork* help)
    : io_(io), buffers_(buffers), drops_(drops), limits_(limits), help_(help) {
  for (std::size_t i = 0; i < limits_.open_runs; ++i) {
    runs_.push_back(std::make_unique<OutboundRun>(limits_.run_bytes));
    free_runs_.push_back(runs_.back().get());
  }
  open_.reserve(limits_.open_runs);
  worn_keys_.reserve(limits_.open_runs);
}

RunQueue::Admission RunQueue::admit(Peer& peer) noexcept {
  if (!has_room(peer)) return Admission::refused;
  auto& [age, law] = watch(peer);
  const std::size_t waiting = backlog(peer);
  const auto delay = waiting > kShortQueue ? age.age(now_, waiting) : Duration::zero();
  return law.drops(now_, delay) ? Admission::shortened : Admission::whole;
}

// What was written in this turn may only look like a backlog: the kernel has not been asked yet.
bool RunQueue::has_room(const Peer& peer) noexcept {
  if (fits(peer)) return true;
  io_.flush();
  return fits(peer);
}

std::size_t RunQueue::backlog(const Peer& peer) const noexcept {
  return peer.link.stream ? io_.stream_backlog(*peer.link.stream) : io_.udp_backlog();
}

// A stream may hold as many buffers as it leaves free, so that a few peers that stand still do not take them
// all: the first gets half of them, the second a third, and so on.
bool RunQueue::fits(const Peer& peer) const noexcept {
  const std::size_t waiting = backlog(peer);
  return waiting <= limits_.stream_backlog_bytes && waiting <= buffers_.available() * tunio::kBufferSize;
}

OutboundRun* RunQueue::start(Peer& peer, DropReason& drop) noexcept {
  send(peer);
  if (free_runs_.empty()) finish();
  tunio::Buffer buffer = buffers_.take();
  if (!buffer) {
    drop = DropReason::no_buffer;
    return nullptr;
  }
  OutboundRun* const run = free_runs_.back();
  free_runs_.pop_back();
  const proto::DataSealer& sealer = *peer.sending->sealer;
  run->start(std::move(buffer), peer.link.stream ? OutboundRun::Kind::frames : OutboundRun::Kind::datagrams,
             sealer.overhead(), sealer.payload_offset());
  run->set_traffic_class(peer.traffic_class);
  peer.run = run;
  open_.push_back(&peer);
  return run;
}

// Not ECN: the other end would not hand a mark of congestion on to the packet inside (RFC 6040).
void RunQueue::follow_traffic_class(Peer& peer, const tunio::IpPacket& packet) noexcept {
  constexpr std::uint8_t kDscp = 0xfc;
  if (!limits_.pass_traffic_class) return;
  const auto octet = static_cast<std::uint8_t>(packet.traffic_class() & kDscp);
  if (peer.traffic_class == octet) return;
  send(peer);
  peer.traffic_class = octet;
}

void RunQueue::send(Peer& peer) noexcept {
  if (peer.run == nullptr) return;
  note_use_of_path(peer);
  send_probe(peer);
}

void RunQueue::send_probe(Peer& peer) noexcept {
  seal(peer);
  hand_on(peer);
  std::erase(open_, &peer);
  close(peer);
}

// Each run is one job, and leaves as soon as it and all before it are sealed. Called from within a job's
// commit, when packets that were opened are forwarded, it does everything itself.
void RunQueue::finish() noexcept {
  for (Peer* const peer : open_) note_use_of_path(*peer);
  if (help_ == nullptr || !help_->empty()) {
    for (Peer* const peer : open_) {
      seal(*peer);
      hand_on(*peer);
      close(*peer);
    }
  } else {
    for (Peer* const peer : open_) {
      help_->add({.work = [](void* context) noexcept { seal(*static_cast<Peer*>(context)); },
                  .context = peer,
                  .key = peer->sending,
                  .bytes = peer->run->size()});
    }
    help_->run([this](std::size_t k) noexcept {
      hand_on(*open_[k]);
      close(*open_[k]);
    });
  }
  open_.clear();
}

void RunQueue::note_use_of_path(Peer& peer) noexcept {
  if (!peer.batch || !peer.batch->path) return;
  peer.run->close_record();
  if (const std::size_t size = peer.run->datagram_size(); size > 0) peer.batch->path->sent(size, now_);
}

// On any thread: touches nothing but the run and the key.
void RunQueue::seal(Peer& peer) noexcept {
  OutboundRun& run = *peer.run;
  run.close_record();
  run.set_sealed(peer.sending->sealer->seal(run.records()));
}

void RunQueue::hand_on(Peer& peer) noexcept {
  OutboundRun& run = *peer.run;
  KeySlot& key = *peer.sending;
  const std::size_t sealed = run.sealed();
  const std::size_t laid = run.records().size();
  if (sealed < laid) drops_.count(DropReason::packet_ids_exhausted, laid - sealed);
  if (key.sealer->wants_rekey() && !key.wear_reported) {
    key.wear_reported = true;
    worn_keys_.push_back({peer.session, key.id});
  }
  if (sealed == 0) return;

  const std::size_t size = run.wire_size(sealed);
  if (run.kind() == OutboundRun::Kind::frames) {
    io_.write_stream(*peer.link.stream, run.take_buffer(), size);
  } else {
    const auto fragments = peer.batch ? peer.batch->fragments : tunio::Fragments::as_configured;
    io_.send_udp(peer.link.endpoint, run.take_buffer(), size, run.datagram_size(),
                 {fragments, run.traffic_class()});
  }
  watch(peer).age.add(now_, size);
  peer.last_sent = now_;
  peer.counters->bytes_sent.add(size);
  peer.counters->records_sent.add(sealed);
}

void RunQueue::close(Peer& peer) noexcept {
  peer.run->discard();
  free_runs_.push_back(peer.run);
  peer.run = nullptr;
}

void RunQueue::abandon(Peer& peer) noexcept {
  if (peer.run == nullptr) return;
  std::erase(open_, &peer);
  close(peer);
}

}  // namespace vpnd::dataplane
