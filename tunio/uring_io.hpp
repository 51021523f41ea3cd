#pragma once

#include <array>

#include "tunio/kernel_io.hpp"
#include "tunio/udp_receive.hpp"
#include "tunio/uring_ring.hpp"

namespace vpnd::tunio {

/// The engine for Linux 6.7 and later. tun and UDP are received by one multishot operation each, that fills
/// slots as packets come; sends and tun writes of a turn go in with one io_uring_enter, which also collects
/// what has arrived.
///
/// Who owns a receive slot: the kernel, until a completion names it; then the arrival lists, until wait()
/// releases them. Sends and tun writes are told not to block, so that each has ended when flush() returns: no
/// buffer and no arrival is in the kernel's hands after it.
class UringIo final : public KernelIo {
 public:
  /// Throws std::system_error. The ring belongs to the thread that first calls wait() or flush().
  explicit UringIo(IoConfig config);
  ~UringIo() override;

  std::string description() const override;

 private:
  enum class Op : std::uint8_t {
    tun_read,
    udp_receive,
    stream_receive,
    wake,
    tun_write,
    udp_send,
    stream_send,
    udp_writable,
    stream_writable,
    cancel,
  };
  /// A receive that is armed again whenever it ends. A completion of an older generation belongs to a
  /// descriptor that was replaced.
  struct Receiver {
    unsigned in_flight = 0;
    std::uint32_t generation = 0;
  };
  static std::uint64_t tag(Op op, std::uint32_t value, std::uint32_t generation = 0) noexcept;

  void release_slots(const ArrivalLists& lists) noexcept override;
  void gather(ArrivalLists& lists, std::chrono::nanoseconds timeout) override;
  void gather_more(ArrivalLists& lists) override;
  void write_packet(ArrivalLists& lists, const TunWrite& write, std::size_t size) override;
  void send_all(ArrivalLists& lists) override;
  bool has_work() noexcept override { return tun_writes_ > 0 || KernelIo::has_work(); }
  void attach_tun() override {}  // arm() sees the descriptor
  void detach_tun() noexcept override;
  void attach_udp() override {}
  void detach_udp() noexcept override;
  void attach_stream(Stream& stream) override;
  void detach_stream(Stream& stream) noexcept override;

  // Receiving.
  void arm() noexcept;
  void arm_tun() noexcept;
  void arm_udp() noexcept;
  void arm_wake() noexcept;
  void arm_streams() noexcept;
  void cancel(Receiver& receiver, Op op) noexcept;

  // Completions.
  void collect(ArrivalLists& lists);
  void complete(ArrivalLists& lists, const io_uring_cqe& cqe);
  void tun_read_done(ArrivalLists& lists, const io_uring_cqe& cqe) noexcept;
  void udp_receive_done(ArrivalLists& lists, const io_uring_cqe& cqe) noexcept;
  void stream_receive_done(ArrivalLists& lists, const io_uring_cqe& cqe);
  void stream_send_done(ArrivalLists& lists, const io_uring_cqe& cqe);
  void add_datagrams(ArrivalLists& lists, std::span<std::byte> filled) noexcept;

  // Sending.
  void submit_udp() noexcept;
  void submit_streams() noexcept;
  void watch_udp_writable() noexcept;
  void finish_sends(ArrivalLists& lists);

  ProvidedBuffers tun_buffers_;
  ProvidedBuffers net_buffers_;
  UringRing ring_;  // destroyed before the buffers it uses

  Receiver tun_receiver_;
  Receiver udp_receiver_;
  bool wake_armed_ = false;
  std::uint64_t wake_value_ = 0;
  msghdr udp_layout_{};  // how much room name and control messages get in a slot
  std::vector<StreamId> streams_to_arm_;

  // Tun writes of this turn: headers and pieces stay in place until their completions.
  std::vector<std::array<std::byte, kVirtioNetHeaderSize>> write_headers_;
  std::vector<iovec> write_pieces_;
  std::size_t tun_writes_ = 0;
  std::size_t pieces_used_ = 0;

  std::size_t sends_in_flight_ = 0;  // tun writes, runs and stream sends submitted and not completed
  bool udp_writable_watched_ = false;
};

}  // namespace vpnd::tunio
