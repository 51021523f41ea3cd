#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tunio/batch_io.hpp"

namespace vpnd::tunio {

/// A BatchIo without a kernel, for tests of what stands above it. Arrivals are scripted; what would be sent
/// is kept. Each wait() hands out everything scripted since the last one and never blocks. Sent things become
/// visible at flush(), as they would on a wire.
class MemoryIo final : public BatchIo {
 public:
  using Bytes = std::vector<std::byte>;

  struct WrittenPacket {
    VirtioNetHeader header;
    Bytes packet;
  };
  struct SentRun {
    Endpoint to;
    Bytes bytes;
    std::size_t segment_size;
    DatagramHeader header;
    /// The run cut into its datagrams.
    std::vector<Bytes> datagrams() const;
  };

  // The script: what the next wait() finds.
  void tun_gives(std::span<const std::byte> packet, const VirtioNetHeader& header = {});
  void udp_gives(const Endpoint& source, std::span<const std::byte> bytes, std::size_t segment_size);
  void udp_gives(const Endpoint& source, std::span<const std::byte> datagram);
  void stream_gives(StreamId stream, std::span<const std::byte> frames);
  void stream_ends(StreamId stream, std::error_code reason);
  void tun_fails(std::error_code reason);
  void udp_fails(std::error_code reason);
  /// Its next answer to take_udp_refusal().
  void udp_refuses(const UdpRefusal& refusal) { refusal_ = refusal; }

  // The record: what was flushed so far. Take empties it.
  std::vector<WrittenPacket> take_written();
  std::vector<SentRun> take_sent();
  Bytes take_stream(StreamId stream);

  /// From now on the stream takes no bytes, so that its backlog grows; or it does again.
  void stall_stream(StreamId stream);
  void resume_stream(StreamId stream);
  bool is_open(StreamId stream) const;
  /// The same for the UDP socket: runs stay in the queue.
  void stall_udp() { udp_stalled_ = true; }
  void resume_udp() { udp_stalled_ = false; }

  /// The timeouts that wait() was called with, oldest first.
  const std::vector<std::chrono::nanoseconds>& timeouts() const { return timeouts_; }

  const Arrivals& wait(std::chrono::nanoseconds timeout) override;
  void write_tun(std::span<const TunWrite> writes) override;
  void send_udp(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
                DatagramHeader header) override;
  /// The descriptor may be empty.
  std::size_t udp_backlog() const override;
  std::optional<UdpRefusal> take_udp_refusal() override { return std::exchange(refusal_, std::nullopt); }
  StreamId add_stream(UniqueFd connection) override;
  void close_stream(StreamId stream) override;
  void write_stream(StreamId stream, Buffer&& frames, std::size_t size) override;
  std::size_t stream_backlog(StreamId stream) const override;
  void flush() override;
  void replace_tun(UniqueFd tun) override;
  void replace_udp(UniqueFd udp) override;
  void wake() noexcept override;
  const IoCounters& counters() const override { return counters_; }
  std::string description() const override { return "memory"; }

 private:
  struct Scripted {
    std::deque<Bytes> storage;  // deque: growing moves no bytes
    std::vector<TunArrival> tun;
    std::vector<UdpArrival> udp;
    std::vector<StreamArrival> streams;
    std::vector<StreamClosed> closed;
    std::error_code tun_failure;
    std::error_code udp_failure;
    std::span<std::byte> keep(std::span<const std::byte> bytes);
  };
  struct Stream {
    Bytes pending;
    Bytes sent;
    bool stalled = false;
    bool open = true;
  };

  Scripted next_;
  Scripted current_;
  Arrivals arrivals_;
  std::atomic<bool> woken_ = false;
  std::vector<std::chrono::nanoseconds> timeouts_;
  std::vector<WrittenPacket> queued_packets_, written_;
  std::vector<SentRun> queued_runs_, sent_;
  bool udp_stalled_ = false;
  std::optional<UdpRefusal> refusal_;
  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t next_stream_ = 1;
  IoCounters counters_;
};

}  // namespace vpnd::tunio
