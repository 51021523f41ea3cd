#pragma once

#include <sys/epoll.h>

#include "tunio/kernel_io.hpp"
#include "tunio/slab.hpp"
#include "tunio/udp_receive.hpp"

namespace vpnd::tunio {

/// The engine for kernels and sandboxes without io_uring: epoll says who has something, then it is read until
/// empty or until the turn's slots are used up; recvmmsg and sendmmsg carry many runs each.
class EpollIo final : public KernelIo {
 public:
  /// Throws std::system_error.
  explicit EpollIo(IoConfig config);

  std::string description() const override;

 private:
  struct ReceiveMessage {
    iovec piece;
    sockaddr_storage name;
    alignas(cmsghdr) std::array<std::byte, kUdpControlSize> control;
  };

  void release_slots(const ArrivalLists& lists) noexcept override;
  void gather(ArrivalLists& lists, std::chrono::nanoseconds timeout) override;
  void gather_more(ArrivalLists& lists) override { gather(lists, std::chrono::nanoseconds::zero()); }
  void write_packet(ArrivalLists& lists, const TunWrite& write, std::size_t size) override;
  void send_all(ArrivalLists& lists) override;
  void attach_tun() override;
  void detach_tun() noexcept override;
  void attach_udp() override;
  void detach_udp() noexcept override;
  void attach_stream(Stream& stream) override;
  void detach_stream(Stream&) noexcept override {}  // closing it is enough

  void watch(int fd, int operation, std::uint32_t events, std::uint64_t tag) noexcept;
  int look(std::chrono::nanoseconds timeout) noexcept;
  void handle(ArrivalLists& lists, const epoll_event& event);
  void read_tun(ArrivalLists& lists);
  void receive_udp(ArrivalLists& lists);
  void receive_stream(ArrivalLists& lists, Stream& stream);
  void send_stream(ArrivalLists& lists, Stream& stream);
  void clear_event() noexcept;

  UniqueFd epoll_;
  Slab tun_slab_;
  Slab net_slab_;
  std::size_t tun_slots_used_ = 0;  // this turn: always the first ones, which are still in the cache
  std::size_t net_slots_used_ = 0;
  bool has_pwait2_ = true;
  bool udp_watched_for_writing_ = false;
  std::vector<epoll_event> events_;
  std::vector<ReceiveMessage> messages_;
  std::vector<mmsghdr> message_headers_;
};

}  // namespace vpnd::tunio
