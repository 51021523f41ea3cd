#include "tunio/memory_io.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vpnd::tunio {

std::vector<MemoryIo::Bytes> MemoryIo::SentRun::datagrams() const {
  std::vector<Bytes> result;
  for (std::size_t offset = 0; offset < bytes.size(); offset += segment_size) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    const std::size_t size = std::min(segment_size, bytes.size() - offset);
    result.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  return result;
}

std::span<std::byte> MemoryIo::Scripted::keep(std::span<const std::byte> bytes) {
  return storage.emplace_back(bytes.begin(), bytes.end());
}

void MemoryIo::tun_gives(std::span<const std::byte> packet, const VirtioNetHeader& header) {
  next_.tun.push_back({header, next_.keep(packet)});
  ++counters_.tun_reads;
  counters_.tun_read_bytes += packet.size();
}

void MemoryIo::udp_gives(const Endpoint& source, std::span<const std::byte> bytes, std::size_t segment_size) {
  next_.udp.push_back({source, next_.keep(bytes), segment_size});
  ++counters_.udp_runs_received;
  counters_.udp_datagrams_received += (bytes.size() + segment_size - 1) / segment_size;
  counters_.udp_bytes_received += bytes.size();
}

void MemoryIo::udp_gives(const Endpoint& source, std::span<const std::byte> datagram) {
  udp_gives(source, datagram, datagram.size());
}

void MemoryIo::stream_gives(StreamId stream, std::span<const std::byte> frames) {
  next_.streams.push_back({stream, next_.keep(frames)});
  counters_.stream_bytes_received += frames.size();
}

void MemoryIo::stream_ends(StreamId stream, std::error_code reason) {
  if (!is_open(stream)) return;
  next_.closed.push_back({stream, reason});
  streams_[stream.value].open = false;
  ++counters_.streams_closed;
}

void MemoryIo::tun_fails(std::error_code reason) {
  next_.tun_failure = reason;
}

void MemoryIo::udp_fails(std::error_code reason) {
  next_.udp_failure = reason;
}

std::vector<MemoryIo::WrittenPacket> MemoryIo::take_written() {
  return std::exchange(written_, {});
}

std::vector<MemoryIo::SentRun> MemoryIo::take_sent() {
  return std::exchange(sent_, {});
}

MemoryIo::Bytes MemoryIo::take_stream(StreamId stream) {
  return std::exchange(streams_[stream.value].sent, {});
}

void MemoryIo::stall_stream(StreamId stream) {
  streams_[stream.value].stalled = true;
}

void MemoryIo::resume_stream(StreamId stream) {
  streams_[stream.value].stalled = false;
  flush();
}

bool MemoryIo::is_open(StreamId stream) const {
  const auto found = streams_.find(stream.value);
  return found != streams_.end() && found->second.open;
}

const Arrivals& MemoryIo::wait(std::chrono::nanoseconds timeout) {
  timeouts_.push_back(timeout);
  ++counters_.waits;
  flush();
  current_ = std::exchange(next_, {});
  arrivals_ = {.tun = current_.tun,
               .udp = current_.udp,
               .streams = current_.streams,
               .closed = current_.closed,
               .woken = woken_.exchange(false),
               .tun_failure = current_.tun_failure,
               .udp_failure = current_.udp_failure};
  return arrivals_;
}

void MemoryIo::write_tun(std::span<const TunWrite> writes) {
  for (const TunWrite& write : writes) {
    WrittenPacket packet{write.header, {}};
    for (const iovec& part : write.parts) {
      const auto* const begin = static_cast<const std::byte*>(part.iov_base);
      packet.packet.insert(packet.packet.end(), begin, begin + part.iov_len);
    }
    ++counters_.tun_writes;
    counters_.tun_write_bytes += packet.packet.size();
    queued_packets_.push_back(std::move(packet));
  }
}

void MemoryIo::send_udp(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
                        DatagramHeader header) {
  const Buffer taken = std::move(run);
  const auto bytes = taken.bytes().first(size);
  queued_runs_.push_back({to, Bytes(bytes.begin(), bytes.end()), segment_size, header});
  ++counters_.udp_runs_sent;
  counters_.udp_datagrams_sent += (size + segment_size - 1) / segment_size;
  counters_.udp_bytes_sent += size;
}

std::size_t MemoryIo::udp_backlog() const {
  std::size_t bytes = 0;
  for (const SentRun& run : queued_runs_) bytes += run.bytes.size();
  return bytes;
}

StreamId MemoryIo::add_stream(UniqueFd) {
  const StreamId id{next_stream_++};
  streams_[id.value] = {};
  ++counters_.streams_opened;
  return id;
}

void MemoryIo::close_stream(StreamId stream) {
  if (!is_open(stream)) return;
  streams_[stream.value].open = false;
  std::erase_if(next_.streams, [&](const StreamArrival& arrival) { return arrival.stream == stream; });
  ++counters_.streams_closed;
}

void MemoryIo::write_stream(StreamId stream, Buffer&& frames, std::size_t size) {
  const Buffer taken = std::move(frames);
  if (!is_open(stream)) return;
  const auto bytes = taken.bytes().first(size);
  Bytes& pending = streams_[stream.value].pending;
  pending.insert(pending.end(), bytes.begin(), bytes.end());
}

std::size_t MemoryIo::stream_backlog(StreamId stream) const {
  return is_open(stream) ? streams_.at(stream.value).pending.size() : 0;
}

void MemoryIo::flush() {
  std::move(queued_packets_.begin(), queued_packets_.end(), std::back_inserter(written_));
  queued_packets_.clear();
  if (!udp_stalled_) {
    std::move(queued_runs_.begin(), queued_runs_.end(), std::back_inserter(sent_));
    queued_runs_.clear();
  }
  for (auto& [id, stream] : streams_) {
    if (stream.stalled || !stream.open) continue;
    stream.sent.insert(stream.sent.end(), stream.pending.begin(), stream.pending.end());
    counters_.stream_bytes_sent += stream.pending.size();
    stream.pending.clear();
  }
}

// A device or socket is nothing here: closing it is all there is to exchange.
void MemoryIo::replace_tun(UniqueFd) {}
void MemoryIo::replace_udp(UniqueFd) {}

void MemoryIo::wake() noexcept {
  woken_ = true;
}

}  // namespace vpnd::tunio
