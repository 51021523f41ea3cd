#include "tunio/kernel_io.hpp"

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <thread>
#include <utility>

#include "tunio/tcp_socket.hpp"
#include "tunio/udp_receive.hpp"

namespace vpnd::tunio {
namespace {

IoConfig checked(IoConfig config) {
  config.tun_slots = std::bit_ceil(std::clamp<std::size_t>(config.tun_slots, 2, 1024));
  config.net_slots = std::bit_ceil(std::clamp<std::size_t>(config.net_slots, 2, 1024));
  if (!config.pause) config.pause = [](std::chrono::microseconds time) { std::this_thread::sleep_for(time); };
  config.max_frame_size = std::clamp<std::size_t>(config.max_frame_size, 1, kMaxFrameSize);
  return config;
}

// Longer waits are waits without limit: a point of time that far off might not be representable.
constexpr std::chrono::hours kLongestWait{24};

constexpr unsigned long kTimerSlack = 1000;  // ns

bool means_device_is_gone(int error) noexcept {
  return error == EBADFD || error == ENODEV || error == EBADF;
}

}  // namespace

KernelIo::KernelIo(IoConfig config)
    : config_(checked(std::move(config))),
      event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      sender_(config_.udp_queue_runs, config_.udp_segmentation, counters_),
      streams_(config_.max_frame_size),
      tun_limit_(config_.tun_slots, config_.turn_bytes),
      net_limit_(config_.net_slots, config_.turn_bytes),
      udp_usable_(static_cast<bool>(config_.udp)),
      published_(config_.tun_slots, config_.net_slots),
      gathering_(config_.tun_slots, config_.net_slots) {
  if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
  look_at_tun();
  sender_.set_socket(config_.udp.get());
  // The kernel may round a sleep up by 50 µs otherwise. This thread is the one that waits.
  if (config_.hold.count() > 0) ::prctl(PR_SET_TIMERSLACK, kTimerSlack, 0, 0, 0);
}

const Arrivals& KernelIo::wait(std::chrono::nanoseconds timeout) {
  ++counters_.waits;
  recycle(published_);
  std::swap(published_, gathering_);
  if (has_work()) hand_over(published_);
  if (timeout > kLongestWait) timeout = std::chrono::nanoseconds::max();
  gather(published_, timeout);
  if (config_.hold.count() > 0) hold();
  arrivals_ = published_.view();
  return arrivals_;
}

// A larger batch for a later answer: what comes while we sleep costs no turn of its own.
void KernelIo::hold() {
  const bool has_packets = !published_.tun.empty() || !published_.udp.empty() || !published_.streams.empty();
  if (!has_packets) return;
  config_.pause(config_.hold);
  gather_more(published_);
}

void KernelIo::note_sizes(const ArrivalLists& lists) noexcept {
  std::size_t tun_bytes = 0;
  std::size_t net_bytes = 0;
  for (const TunArrival& arrival : lists.tun) tun_bytes += arrival.packet.size();
  for (const UdpArrival& run : lists.udp) net_bytes += run.bytes.size();
  for (const StreamArrival& arrival : lists.streams) net_bytes += arrival.frames.size();
  tun_limit_.note(lists.tun_reads, tun_bytes);
  net_limit_.note(lists.udp.size() + lists.streams.size(), net_bytes);
}

void KernelIo::recycle(ArrivalLists& lists) {
  note_sizes(lists);
  release_slots(lists);
  lists.clear();
}

void KernelIo::flush() {
  if (has_work()) hand_over(gathering_);
}

void KernelIo::hand_over(ArrivalLists& lists) {
  if (frames_.pending()) write_frames(lists);
  send_all(lists);
}

void KernelIo::write_tun(std::span<const TunWrite> writes) {
  for (const TunWrite& write : writes) {
    std::size_t size = kVirtioNetHeaderSize;
    for (const iovec& part : write.parts) size += part.iov_len;
    if (!tun_usable_ || write.parts.size() > kMaxWriteParts) {
      ++counters_.tun_write_errors;
    } else if (tun_is_framed_) {
      write_frame(write);
    } else {
      write_packet(gathering_, write, size);
    }
  }
}

void KernelIo::write_frame(const TunWrite& write) {
  if (frames_.add(write)) return;
  write_frames(gathering_);
  if (!frames_.add(write)) ++counters_.tun_write_errors;  // more pieces than one write takes
}

void KernelIo::write_frames(ArrivalLists& lists) {
  const int error = frames_.flush(config_.tun.get(), counters_);
  if (means_device_is_gone(error)) tun_failed(lists, error);
}

void KernelIo::send_udp(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
                        DatagramHeader header) {
  sender_.push(to, std::move(run), size, segment_size, header);
}

StreamId KernelIo::add_stream(UniqueFd connection) {
  tune_tunnel_connection(connection, 0);
  Stream& stream = streams_.add(std::move(connection));
  ++counters_.streams_opened;
  attach_stream(stream);
  return stream.id;
}

void KernelIo::close_stream(StreamId id) {
  Stream* const stream = streams_.find(id);
  if (stream == nullptr) return;
  ++counters_.streams_closed;
  gathering_.forget(id);
  detach_stream(*stream);
  published_.ended.push_back(streams_.close(*stream));
}

void KernelIo::write_stream(StreamId id, Buffer&& frames, std::size_t size) {
  Buffer taken = std::move(frames);  // gives itself back where this returns early
  Stream* const stream = streams_.find(id);
  if (stream == nullptr || size == 0) return;
  if (stream->queue.bytes() + size > config_.stream_backlog_limit) {
    ++counters_.stream_write_full;
    return;
  }
  stream->queue.push(std::move(taken), size);
  if (!stream->blocked) streams_.note_work(*stream);
}

std::size_t KernelIo::stream_backlog(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream != nullptr ? stream->queue.bytes() : 0;
}

void KernelIo::replace_tun(UniqueFd tun) {
  flush();
  if (config_.tun) detach_tun();
  config_.tun = std::move(tun);
  look_at_tun();
  if (tun_usable_) attach_tun();
}

// Which driver it is, and room for what one turn can bring.
void KernelIo::look_at_tun() {
  tun_usable_ = static_cast<bool>(config_.tun);
  tun_is_framed_ = tun_usable_ && is_tun_batch(config_.tun.get());
  if (!tun_is_framed_) return;
  const std::size_t packets = config_.tun_slots * (kSlotSize / kSmallestTunFrame);
  published_.tun.reserve(packets);
  gathering_.tun.reserve(packets);
}

void KernelIo::replace_udp(UniqueFd udp) {
  flush();
  if (config_.udp) detach_udp();
  config_.udp = std::move(udp);
  udp_usable_ = static_cast<bool>(config_.udp);
  sender_.set_socket(config_.udp.get());
  if (udp_usable_) attach_udp();
}

void KernelIo::wake() noexcept {
  // Fails only when the counter is full, and then the other side has enough to wake up for.
  [[maybe_unused]] const int result = ::eventfd_write(event_.get(), 1);
}

void KernelIo::add_tun_read(ArrivalLists& lists, std::span<std::byte> bytes) noexcept {
  TunArrival arrival{};
  ++lists.tun_reads;
  if (tun_is_framed_) {
    while (take_tun_frame(bytes, arrival)) add_tun_packet(lists, arrival);
    if (!bytes.empty()) ++counters_.tun_read_malformed;
  } else if (bytes.size() > kVirtioNetHeaderSize) {
    arrival.header = decode_virtio_net(bytes.first<kVirtioNetHeaderSize>());
    arrival.packet = bytes.subspan(kVirtioNetHeaderSize);
    add_tun_packet(lists, arrival);
  } else {
    ++counters_.tun_read_malformed;
  }
}

void KernelIo::add_tun_packet(ArrivalLists& lists, const TunArrival& arrival) noexcept {
  ++counters_.tun_reads;
  counters_.tun_read_bytes += arrival.packet.size();
  lists.tun.push_back(arrival);
}

void KernelIo::tun_failed(ArrivalLists& lists, int error) noexcept {
  if (!std::exchange(tun_usable_, false)) return;
  lists.tun_failure = {error, std::generic_category()};
}

void KernelIo::udp_receive_failed(ArrivalLists& lists, int error) noexcept {
  ++counters_.udp_receive_errors;
  if (is_passing_udp_error(error) || !std::exchange(udp_usable_, false)) return;
  lists.udp_failure = {error, std::generic_category()};
}

void KernelIo::tun_written(ArrivalLists& lists, int result, std::size_t size) noexcept {
  if (result == static_cast<int>(size)) {
    ++counters_.tun_writes;
    counters_.tun_write_bytes += size - kVirtioNetHeaderSize;
  } else if (result == -EAGAIN) {
    ++counters_.tun_write_full;
  } else {
    ++counters_.tun_write_errors;
    if (means_device_is_gone(-result)) tun_failed(lists, -result);
  }
}

bool KernelIo::add_stream_chunk(ArrivalLists& lists, Stream& stream, std::span<std::byte> chunk) {
  counters_.stream_bytes_received += chunk.size();
  if (lists.add_chunk(stream, chunk)) return true;
  ++counters_.stream_bad_frames;
  end_stream(lists, stream, StreamError::bad_frame_length);
  return false;
}

KernelIo::Sent KernelIo::stream_sent(ArrivalLists& lists, Stream& stream, int result) {
  if (result == -EAGAIN) {
    stream.blocked = true;
    return Sent::blocked;
  }
  if (result < 0 && result != -EINTR) {
    end_stream(lists, stream, {-result, std::generic_category()});
    return Sent::ended;
  }
  if (result > 0) {
    stream.queue.advance(static_cast<std::size_t>(result));
    counters_.stream_bytes_sent += static_cast<std::size_t>(result);
  }
  return stream.queue.bytes() > 0 ? Sent::more : Sent::done;
}

void KernelIo::end_stream(ArrivalLists& lists, Stream& stream, std::error_code reason) {
  ++counters_.streams_closed;
  lists.closed.push_back({stream.id, reason});
  detach_stream(stream);
  lists.ended.push_back(streams_.close(stream));
}

}  // namespace vpnd::tunio
