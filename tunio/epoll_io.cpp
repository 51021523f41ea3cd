#include "tunio/epoll_io.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>

namespace vpnd::tunio {
namespace {

// What an event is about. A stream's tag is its id, which never uses the bits above 32.
constexpr std::uint64_t kTunTag = std::uint64_t{1} << 32;
constexpr std::uint64_t kUdpTag = std::uint64_t{2} << 32;
constexpr std::uint64_t kWakeTag = std::uint64_t{3} << 32;
constexpr std::size_t kEventsPerLook = 64;

}  // namespace

EpollIo::EpollIo(IoConfig config)
    : KernelIo(std::move(config)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      tun_slab_(config_.tun_slots),
      net_slab_(config_.net_slots),
      events_(kEventsPerLook),
      messages_(config_.net_slots),
      message_headers_(config_.net_slots) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create");
  watch(event_.get(), EPOLL_CTL_ADD, EPOLLIN, kWakeTag);
  if (config_.tun) attach_tun();
  if (config_.udp) attach_udp();
}

std::string EpollIo::description() const {
  return sender_.segmentation() ? "epoll" : "epoll, without UDP segmentation";
}

void EpollIo::watch(int fd, int operation, std::uint32_t events, std::uint64_t tag) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  ++counters_.system_calls;
  ::epoll_ctl(epoll_.get(), operation, fd, &event);
}

void EpollIo::attach_tun() {
  watch(config_.tun.get(), EPOLL_CTL_ADD, EPOLLIN, kTunTag);
}

void EpollIo::detach_tun() noexcept {
  watch(config_.tun.get(), EPOLL_CTL_DEL, 0, kTunTag);
}

void EpollIo::attach_udp() {
  udp_watched_for_writing_ = false;
  watch(config_.udp.get(), EPOLL_CTL_ADD, EPOLLIN, kUdpTag);
}

void EpollIo::detach_udp() noexcept {
  watch(config_.udp.get(), EPOLL_CTL_DEL, 0, kUdpTag);
}

void EpollIo::attach_stream(Stream& stream) {
  watch(stream.fd.get(), EPOLL_CTL_ADD, EPOLLIN, stream.id.value);
}

void EpollIo::release_slots(const ArrivalLists&) noexcept {
  tun_slots_used_ = 0;
  net_slots_used_ = 0;
}

void EpollIo::gather(ArrivalLists& lists, std::chrono::nanoseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const bool forever = timeout == std::chrono::nanoseconds::max();
  const auto deadline = forever ? Clock::time_point::max() : Clock::now() + timeout;
  auto remaining = lists.empty() ? timeout : std::chrono::nanoseconds::zero();
  while (true) {
    const int count = look(std::max(remaining, std::chrono::nanoseconds::zero()));
    for (int i = 0; i < count; ++i) handle(lists, events_[static_cast<std::size_t>(i)]);
    if (has_work()) send_all(lists);  // a socket became writable
    if (lists.empty()) recycle(lists);
    if (!lists.empty() || remaining <= std::chrono::nanoseconds::zero()) return;
    if (!forever) remaining = deadline - Clock::now();
  }
}

int EpollIo::look(std::chrono::nanoseconds timeout) noexcept {
  const bool forever = timeout == std::chrono::nanoseconds::max();
  const int room = static_cast<int>(events_.size());
  ++counters_.system_calls;
  if (has_pwait2_) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
    const int count = ::epoll_pwait2(epoll_.get(), events_.data(), room, forever ? nullptr : &limit, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    has_pwait2_ = false;  // Linux < 5.11, or a sandbox that does not know it
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const auto bounded = std::min<std::int64_t>(milliseconds, std::int64_t{3600} * 1000);
  return ::epoll_wait(epoll_.get(), events_.data(), room, forever ? -1 : static_cast<int>(bounded));
}

void EpollIo::handle(ArrivalLists& lists, const epoll_event& event) {
  if (event.data.u64 == kTunTag) {
    read_tun(lists);
  } else if (event.data.u64 == kUdpTag) {
    if ((event.events & EPOLLOUT) != 0) {
      sender_.writable();
      udp_watched_for_writing_ = false;
      watch(config_.udp.get(), EPOLL_CTL_MOD, EPOLLIN, kUdpTag);
    }
    if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receive_udp(lists);
  } else if (event.data.u64 == kWakeTag) {
    clear_event();
    lists.woken = true;
  } else if (Stream* const stream = streams_.find({static_cast<std::uint32_t>(event.data.u64)})) {
    if ((event.events & EPOLLOUT) != 0) {
      stream->blocked = false;
      streams_.note_work(*stream);
      watch(stream->fd.get(), EPOLL_CTL_MOD, EPOLLIN, stream->id.value);
    }
    if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receive_stream(lists, *stream);
  }
}

void EpollIo::clear_event() noexcept {
  eventfd_t value = 0;
  ++counters_.system_calls;
  ::eventfd_read(event_.get(), &value);
}

void EpollIo::read_tun(ArrivalLists& lists) {
  while (tun_usable() && tun_slots_used_ < tun_limit_.slots()) {
    const auto slot = tun_slab_.slot(tun_slots_used_);
    ++counters_.system_calls;
    const ssize_t size = ::read(config_.tun.get(), slot.data(), slot.size());
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      tun_failed(lists, size == 0 ? ENODEV : errno);
      detach_tun();
      return;
    }
    add_tun_read(lists, slot.first(static_cast<std::size_t>(size)));
    ++tun_slots_used_;
  }
}

void EpollIo::receive_udp(ArrivalLists& lists) {
  // Half of what is left stays for the streams, if there are any: neither may starve the other.
  std::size_t room = net_limit_.slots() - std::min(net_limit_.slots(), net_slots_used_);
  if (counters_.streams_opened != counters_.streams_closed) room = (room + 1) / 2;
  if (!udp_usable() || room == 0) return;
  const std::size_t first_slot = net_slots_used_;
  for (std::size_t i = 0; i < room; ++i) {
    ReceiveMessage& message = messages_[i];
    message.piece = {net_slab_.slot(first_slot + i).data(), kSlotSize};
    message_headers_[i].msg_hdr = {.msg_name = &message.name,
                                   .msg_namelen = sizeof message.name,
                                   .msg_iov = &message.piece,
                                   .msg_iovlen = 1,
                                   .msg_control = message.control.data(),
                                   .msg_controllen = message.control.size(),
                                   .msg_flags = 0};
  }
  ++counters_.system_calls;
  const int count = ::recvmmsg(config_.udp.get(), message_headers_.data(), static_cast<unsigned>(room),
                               MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) udp_receive_failed(lists, errno);
    if (!udp_usable()) detach_udp();
    return;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const auto payload = net_slab_.slot(net_slots_used_++).first(message_headers_[i].msg_len);
    const auto arrival = check_udp_arrival(message_headers_[i].msg_hdr, payload, counters_);
    if (arrival) lists.udp.push_back(*arrival);
  }
}

void EpollIo::receive_stream(ArrivalLists& lists, Stream& stream) {
  if (net_slots_used_ == net_slab_.count()) return;  // the next turn has room again
  const auto slot = net_slab_.slot(net_slots_used_);
  ++counters_.system_calls;
  const ssize_t size = ::recv(stream.fd.get(), slot.data(), slot.size(), MSG_DONTWAIT);
  if (size > 0) {
    ++net_slots_used_;
    add_stream_chunk(lists, stream, slot.first(static_cast<std::size_t>(size)));
  } else if (size == 0) {
    end_stream(lists, stream, StreamError::end_of_stream);
  } else if (errno != EAGAIN && errno != EINTR) {
    end_stream(lists, stream, {errno, std::generic_category()});
  }
}

void EpollIo::write_packet(ArrivalLists& lists, const TunWrite& write, std::size_t size) {
  std::array<iovec, kMaxWriteParts + 1> pieces;
  auto header = encode_virtio_net(write.header);
  pieces[0] = {header.data(), header.size()};
  std::copy(write.parts.begin(), write.parts.end(), pieces.begin() + 1);
  ++counters_.system_calls;
  const ssize_t written =
      ::writev(config_.tun.get(), pieces.data(), static_cast<int>(write.parts.size() + 1));
  tun_written(lists, written < 0 ? -errno : static_cast<int>(written), size);
}

void EpollIo::send_all(ArrivalLists& lists) {
  if (sender_.has_work()) sender_.send_queued();
  if (sender_.blocked() && !udp_watched_for_writing_) {
    udp_watched_for_writing_ = true;
    watch(config_.udp.get(), EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT, kUdpTag);
  }
  for (const StreamId id : streams_.work()) {
    if (Stream* const stream = streams_.find(id)) send_stream(lists, *stream);
  }
  streams_.work().clear();
}

void EpollIo::send_stream(ArrivalLists& lists, Stream& stream) {
  stream.has_work = false;
  Sent outcome = Sent::more;
  while (outcome == Sent::more) {
    ++counters_.system_calls;
    const ssize_t sent = ::sendmsg(stream.fd.get(), &stream.next_message(), MSG_DONTWAIT | MSG_NOSIGNAL);
    outcome = stream_sent(lists, stream, sent < 0 ? -errno : static_cast<int>(sent));
  }
  if (outcome == Sent::blocked) {
    watch(stream.fd.get(), EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT, stream.id.value);
  }
}

}  // namespace vpnd::tunio
