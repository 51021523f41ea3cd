#pragma once

#include "tunio/arrival_lists.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/stream_table.hpp"
#include "tunio/tun_frames.hpp"
#include "tunio/turn_limit.hpp"
#include "tunio/udp_sender.hpp"

namespace vpnd::tunio {

/// What the io_uring and the epoll engine have in common: everything but the system calls.
class KernelIo : public BatchIo {
 public:
  const Arrivals& wait(std::chrono::nanoseconds timeout) final;
  void write_tun(std::span<const TunWrite> writes) final;
  void send_udp(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
                DatagramHeader header) final;
  std::size_t udp_backlog() const final { return sender_.backlog(); }
  std::optional<UdpRefusal> take_udp_refusal() final { return sender_.take_refusal(); }
  StreamId add_stream(UniqueFd connection) final;
  void close_stream(StreamId stream) final;
  void write_stream(StreamId stream, Buffer&& frames, std::size_t size) final;
  std::size_t stream_backlog(StreamId stream) const final;
  void flush() final;
  void replace_tun(UniqueFd tun) final;
  void replace_udp(UniqueFd udp) final;
  void wake() noexcept final;
  const IoCounters& counters() const final { return counters_; }

 protected:
  /// Throws std::system_error. The engine attaches the descriptors of `config` itself.
  explicit KernelIo(IoConfig config);

  // What an engine does.

  /// Gives the slots of `lists` back to the kernel.
  virtual void release_slots(const ArrivalLists& lists) noexcept = 0;
  /// Adds to `lists` what has arrived. Blocks for the first thing up to `timeout`; not at all when that is
  /// zero or `lists` holds something already.
  virtual void gather(ArrivalLists& lists, std::chrono::nanoseconds timeout) = 0;
  /// The same without blocking, whatever `lists` holds.
  virtual void gather_more(ArrivalLists& lists) = 0;
  /// Writes one packet, or queues it for send_all(). `write` fits the limits and there is a device.
  virtual void write_packet(ArrivalLists& lists, const TunWrite& write, std::size_t size) = 0;
  /// Hands all queued packets, runs and frames of streams to the kernel; may add arrivals to `lists` on the
  /// way.
  virtual void send_all(ArrivalLists& lists) = 0;
  /// Something is queued that the kernel might take now.
  virtual bool has_work() noexcept {
    return frames_.pending() || sender_.has_work() || !streams_.work().empty();
  }
  /// Begins to receive from config_.tun, config_.udp or a stream; ends it, completely, before it is closed.
  virtual void attach_tun() = 0;
  virtual void detach_tun() noexcept = 0;
  virtual void attach_udp() = 0;
  virtual void detach_udp() noexcept = 0;
  virtual void attach_stream(Stream& stream) = 0;
  virtual void detach_stream(Stream& stream) noexcept = 0;

  // What engines share.

  /// One tun read: `bytes` is the part of the slot that was filled, by one packet or by frames.
  void add_tun_read(ArrivalLists& lists, std::span<std::byte> bytes) noexcept;
  /// `error` > 0. Reported once; nothing is read or written from then on.
  void tun_failed(ArrivalLists& lists, int error) noexcept;
  void udp_receive_failed(ArrivalLists& lists, int error) noexcept;
  /// The outcome of a write of `size` bytes with the virtio-net header: bytes or a negative errno.
  void tun_written(ArrivalLists& lists, int result, std::size_t size) noexcept;
  /// Takes a chunk in a receive slot that stays until these lists are released. False: the stream has ended.
  bool add_stream_chunk(ArrivalLists& lists, Stream& stream, std::span<std::byte> chunk);
  /// The outcome of sending next_message(): bytes or a negative errno. Afterwards the stream has ended, is
  /// blocked, has more to write, or is done.
  enum class Sent : std::uint8_t { done, more, blocked, ended };
  Sent stream_sent(ArrivalLists& lists, Stream& stream, int result);
  void end_stream(ArrivalLists& lists, Stream& stream, std::error_code reason);

  /// Releases what `lists` holds. For an engine whose lists hold nothing to publish, yet slots: of what was
  /// malformed, or of the beginning of a frame.
  void recycle(ArrivalLists& lists);
  /// For arrivals that come while nobody waits.
  ArrivalLists& gathering() noexcept { return gathering_; }

  bool tun_usable() const noexcept { return tun_usable_; }
  bool udp_usable() const noexcept { return udp_usable_; }

  IoConfig config_;  // tun and udp: the ones in use
  IoCounters counters_;
  UniqueFd event_;  // wake() writes it
  UdpSender sender_;
  StreamTable streams_;
  TurnLimit tun_limit_;  // slots for one turn
  TurnLimit net_limit_;

 private:
  void hold();
  void note_sizes(const ArrivalLists& lists) noexcept;
  void look_at_tun();
  void add_tun_packet(ArrivalLists& lists, const TunArrival& arrival) noexcept;
  void write_frame(const TunWrite& write);
  void write_frames(ArrivalLists& lists);
  void hand_over(ArrivalLists& lists);

  bool tun_usable_ = false;
  bool tun_is_framed_ = false;  // a queue of tun_batch
  TunFrameWriter frames_;
  bool udp_usable_;
  ArrivalLists published_;
  ArrivalLists gathering_;  // arrived while flushing; published by the next wait()
  Arrivals arrivals_;
};

}  // namespace vpnd::tunio
