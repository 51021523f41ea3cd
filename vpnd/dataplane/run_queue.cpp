#include "vpnd/dataplane/run_queue.hpp"

namespace vpnd::dataplane {

using proto::DropReason;

RunQueue::RunQueue(tunio::BatchIo& io, tunio::BufferPool& buffers, DropCounters& drops,
                   const OutboundLimits& limits)
    : io_(io), buffers_(buffers), drops_(drops), limits_(limits) {
  for (std::size_t i = 0; i < limits_.open_runs; ++i) {
    runs_.push_back(std::make_unique<OutboundRun>());
    free_runs_.push_back(runs_.back().get());
  }
  open_.reserve(limits_.open_runs);
  worn_keys_.reserve(limits_.open_runs);
}

OutboundRun* RunQueue::start(Peer& peer, DropReason& drop) noexcept {
  send(peer);
  if (peer.link.stream && io_.stream_backlog(*peer.link.stream) > limits_.stream_backlog_bytes) {
    drop = DropReason::backlog_full;
    return nullptr;
  }
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
  peer.run = run;
  open_.push_back(&peer);
  return run;
}

void RunQueue::send(Peer& peer) noexcept {
  if (peer.run == nullptr) return;
  note_use_of_path(peer);
  send_probe(peer);
}

void RunQueue::send_probe(Peer& peer) noexcept {
  seal_and_send(peer);
  std::erase(open_, &peer);
  close(peer);
}

void RunQueue::finish() noexcept {
  for (Peer* const peer : open_) {
    note_use_of_path(*peer);
    seal_and_send(*peer);
    close(*peer);
  }
  open_.clear();
}

void RunQueue::note_use_of_path(Peer& peer) noexcept {
  if (!peer.batch || !peer.batch->path) return;
  peer.run->close_record();
  if (const std::size_t size = peer.run->datagram_size(); size > 0) peer.batch->path->sent(size, now_);
}

void RunQueue::seal_and_send(Peer& peer) noexcept {
  OutboundRun& run = *peer.run;
  KeySlot& key = *peer.sending;
  run.close_record();
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
    const auto fragments = peer.batch ? peer.batch->fragments : tunio::Fragments::as_configured;
    io_.send_udp(peer.link.endpoint, run.take_buffer(), size, run.datagram_size(), fragments);
  }
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
