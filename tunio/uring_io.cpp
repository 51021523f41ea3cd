#include "tunio/uring_io.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vpnd::tunio {
namespace {

constexpr std::uint16_t kTunGroup = 0;
constexpr std::uint16_t kNetGroup = 1;
constexpr unsigned kSubmissions = 512;
constexpr unsigned kCompletions = 8192;
constexpr unsigned kSingleReads = 2;  // more readers of one tun only wake each other up
constexpr std::chrono::milliseconds kCancelStep{10};
constexpr std::size_t kMaxTunWrites = 256;
constexpr std::size_t kMaxPieces = 4096;

// In front of a datagram in its slot: io_uring_recvmsg_out, then the name, then the control messages. The
// name gets 32 bytes rather than sockaddr_in6's 28 to keep the control messages aligned.
constexpr std::size_t kNameRoom = 32;
static_assert(kNameRoom >= sizeof(sockaddr_in6) &&
              (sizeof(io_uring_recvmsg_out) + kNameRoom) % alignof(cmsghdr) == 0);
static_assert(kSlotSize >= sizeof(io_uring_recvmsg_out) + kNameRoom + kUdpControlSize + 65535);

std::uint16_t slot_of(const io_uring_cqe& cqe) noexcept {
  return static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
}
bool has_slot(const io_uring_cqe& cqe) noexcept {
  return (cqe.flags & IORING_CQE_F_BUFFER) != 0;
}
bool has_ended(const io_uring_cqe& cqe) noexcept {
  return (cqe.flags & IORING_CQE_F_MORE) == 0;
}

void select_buffer(io_uring_sqe* sqe, const ProvidedBuffers& buffers) noexcept {
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffers.group();
}

}  // namespace

// 8 bits of operation, 24 of generation, 32 of value.
std::uint64_t UringIo::tag(Op op, std::uint32_t value, std::uint32_t generation) noexcept {
  return std::uint64_t{static_cast<std::uint8_t>(op)} << 56 | std::uint64_t{generation & 0xffffff} << 32 |
         value;
}

UringIo::UringIo(IoConfig config)
    : KernelIo(std::move(config)),
      tun_buffers_(kTunGroup, config_.tun_slots),
      net_buffers_(kNetGroup, config_.net_slots),
      ring_(kSubmissions, kCompletions),
      write_headers_(kMaxTunWrites),
      write_pieces_(kMaxPieces) {
  tun_buffers_.register_with(ring_);
  net_buffers_.register_with(ring_);
  udp_layout_.msg_namelen = kNameRoom;
  udp_layout_.msg_controllen = kUdpControlSize;
}

UringIo::~UringIo() = default;

std::string UringIo::description() const {
  std::string text = "io_uring";
  if (config_.tun_multishot == Offload::off) text += ", single tun reads";
  if (!sender_.segmentation()) text += ", without UDP segmentation";
  return text;
}

void UringIo::release_slots(const ArrivalLists& lists) noexcept {
  tun_buffers_.give_back(lists.tun_slots, tun_limit_.slots());
  net_buffers_.give_back(lists.net_slots, net_limit_.slots());
}

void UringIo::gather(ArrivalLists& lists, std::chrono::nanoseconds timeout) {
  using Clock = std::chrono::steady_clock;
  ring_.start();
  collect(lists);
  arm();
  const bool forever = timeout == std::chrono::nanoseconds::max();
  const auto deadline = forever || timeout.count() <= 0 ? Clock::time_point::max() : Clock::now() + timeout;
  auto remaining = timeout;
  while (lists.empty()) {
    if (remaining.count() <= 0) {
      ring_.submit_and_look();
    } else {
      ring_.submit_and_wait(remaining);
    }
    collect(lists);
    if (has_work()) send_all(lists);  // a socket became writable
    if (lists.empty()) recycle(lists);
    arm();
    if (remaining.count() <= 0) break;
    if (!forever) remaining = deadline - Clock::now();
  }
  counters_.system_calls += ring_.take_enters();
}

void UringIo::gather_more(ArrivalLists& lists) {
  ring_.submit_and_look();
  collect(lists);
  if (has_work()) send_all(lists);
  arm();
  counters_.system_calls += ring_.take_enters();
}

void UringIo::attach_stream(Stream& stream) {
  streams_to_arm_.push_back(stream.id);
}

// A submission that is prepared and not submitted knows its descriptor by number only: it must go in before
// the number can mean something else. Shutting the connection down then completes it.
void UringIo::detach_stream(Stream&) noexcept {
  if (io_uring_sq_ready(&ring_.raw()) > 0) ring_.submit_and_look();
}

void UringIo::detach_tun() noexcept {
  cancel(tun_receiver_, Op::tun_read);
}

void UringIo::detach_udp() noexcept {
  cancel(udp_receiver_, Op::udp_receive);
  if (!udp_writable_watched_) return;
  io_uring_prep_cancel64(ring_.next(tag(Op::cancel, 0)), tag(Op::udp_writable, 0), 0);
  while (udp_writable_watched_) {
    ring_.submit_and_wait(kCancelStep);
    collect(gathering());
  }
}

// Until the kernel has let go of the descriptor: a device or a port is free again only then.
void UringIo::cancel(Receiver& receiver, Op op) noexcept {
  const std::uint64_t target = tag(op, 0, receiver.generation++);
  if (receiver.in_flight == 0) return;
  io_uring_sqe* const sqe = ring_.next(tag(Op::cancel, 0));
  io_uring_prep_cancel64(sqe, target, IORING_ASYNC_CANCEL_ALL);
  while (receiver.in_flight > 0) {
    ring_.submit_and_wait(kCancelStep);
    collect(gathering());
  }
}

void UringIo::arm() noexcept {
  arm_wake();
  arm_tun();
  arm_streams();
  arm_udp();
}

void UringIo::arm_tun() noexcept {
  if (!tun_usable()) return;
  const bool multishot = config_.tun_multishot == Offload::on;
  while (tun_receiver_.in_flight < (multishot ? 1 : kSingleReads)) {
    io_uring_sqe* const sqe = ring_.next(tag(Op::tun_read, 0, tun_receiver_.generation));
    io_uring_prep_read(sqe, config_.tun.get(), nullptr, multishot ? 0 : kSlotSize, 0);
    if (multishot) sqe->opcode = kOpReadMultishot;
    select_buffer(sqe, tun_buffers_);
    ++tun_receiver_.in_flight;
  }
}

void UringIo::arm_udp() noexcept {
  if (!udp_usable() || udp_receiver_.in_flight > 0) return;
  io_uring_sqe* const sqe = ring_.next(tag(Op::udp_receive, 0, udp_receiver_.generation));
  io_uring_prep_recvmsg_multishot(sqe, config_.udp.get(), &udp_layout_, 0);
  select_buffer(sqe, net_buffers_);
  ++udp_receiver_.in_flight;
}

void UringIo::arm_wake() noexcept {
  if (std::exchange(wake_armed_, true)) return;
  io_uring_sqe* const sqe = ring_.next(tag(Op::wake, 0));
  io_uring_prep_read(sqe, event_.get(), &wake_value_, sizeof wake_value_, 0);
}

// One receive at a time per stream, so that chunks come in order. The next one is armed as soon as one is
// done and submitted with the sends of the turn, which saves a system call of its own.
void UringIo::arm_streams() noexcept {
  for (const StreamId id : streams_to_arm_) {
    Stream* const stream = streams_.find(id);
    if (stream == nullptr || std::exchange(stream->receiving, true)) continue;
    io_uring_sqe* const sqe = ring_.next(tag(Op::stream_receive, id.value));
    io_uring_prep_recv(sqe, stream->fd.get(), nullptr, kSlotSize, 0);
    select_buffer(sqe, net_buffers_);
  }
  streams_to_arm_.clear();
}

void UringIo::collect(ArrivalLists& lists) {
  ring_.for_each_completion([&](const io_uring_cqe& cqe) { complete(lists, cqe); });
}

void UringIo::complete(ArrivalLists& lists, const io_uring_cqe& cqe) {
  const auto value = static_cast<std::uint32_t>(cqe.user_data);
  switch (static_cast<Op>(cqe.user_data >> 56)) {
    case Op::tun_read:
      return tun_read_done(lists, cqe);
    case Op::udp_receive:
      return udp_receive_done(lists, cqe);
    case Op::stream_receive:
      return stream_receive_done(lists, cqe);
    case Op::wake:
      wake_armed_ = false;
      lists.woken = true;
      return;
    case Op::tun_write:
      --sends_in_flight_;
      return tun_written(lists, cqe.res, value);
    case Op::udp_send:
      --sends_in_flight_;
      return sender_.complete(value, cqe.res);
    case Op::stream_send:
      --sends_in_flight_;
      return stream_send_done(lists, cqe);
    case Op::udp_writable:
      udp_writable_watched_ = false;
      return sender_.writable();
    case Op::stream_writable:
      if (Stream* const stream = streams_.find({value})) {
        stream->blocked = false;
        streams_.note_work(*stream);
      }
      return;
    case Op::cancel:
      return;
  }
}

void UringIo::tun_read_done(ArrivalLists& lists, const io_uring_cqe& cqe) noexcept {
  if (has_ended(cqe)) --tun_receiver_.in_flight;
  if (has_slot(cqe)) lists.tun_slots.push_back(slot_of(cqe));
  const bool is_current = (cqe.user_data >> 32 & 0xffffff) == (tun_receiver_.generation & 0xffffff);
  if (!is_current) return;
  if (cqe.res > 0 && has_slot(cqe)) {
    add_tun_read(lists, tun_buffers_.slot(slot_of(cqe)).first(static_cast<std::size_t>(cqe.res)));
  } else if (cqe.res == -ENOBUFS) {
    ++counters_.receive_starvations;
  } else if (cqe.res != -EINTR && cqe.res != -EAGAIN && cqe.res != -ECANCELED) {
    tun_failed(lists, cqe.res == 0 ? ENODEV : -cqe.res);
  }
}

void UringIo::udp_receive_done(ArrivalLists& lists, const io_uring_cqe& cqe) noexcept {
  if (has_ended(cqe)) --udp_receiver_.in_flight;
  if (has_slot(cqe)) lists.net_slots.push_back(slot_of(cqe));
  const bool is_current = (cqe.user_data >> 32 & 0xffffff) == (udp_receiver_.generation & 0xffffff);
  if (!is_current) return;
  if (cqe.res >= 0 && has_slot(cqe)) {
    add_datagrams(lists, net_buffers_.slot(slot_of(cqe)).first(static_cast<std::size_t>(cqe.res)));
  } else if (cqe.res == -ENOBUFS) {
    ++counters_.receive_starvations;
  } else if (cqe.res < 0 && cqe.res != -ECANCELED) {
    udp_receive_failed(lists, -cqe.res);
  }
}

void UringIo::add_datagrams(ArrivalLists& lists, std::span<std::byte> filled) noexcept {
  io_uring_recvmsg_out* const out =
      io_uring_recvmsg_validate(filled.data(), static_cast<int>(filled.size()), &udp_layout_);
  if (out == nullptr) {
    ++counters_.udp_received_malformed;
    return;
  }
  auto* const name = static_cast<std::byte*>(io_uring_recvmsg_name(out));
  const msghdr message = {.msg_name = name,
                          .msg_namelen = std::min<socklen_t>(out->namelen, kNameRoom),
                          .msg_iov = nullptr,
                          .msg_iovlen = 0,
                          .msg_control = name + kNameRoom,
                          .msg_controllen = std::min<std::size_t>(out->controllen, kUdpControlSize),
                          .msg_flags = static_cast<int>(out->flags)};
  const std::size_t offset = sizeof *out + kNameRoom + kUdpControlSize;
  const auto payload = filled.subspan(offset);
  const auto arrival = check_udp_arrival(
      message, payload.first(std::min<std::size_t>(out->payloadlen, payload.size())), counters_);
  if (arrival) lists.udp.push_back(*arrival);
}

void UringIo::stream_receive_done(ArrivalLists& lists, const io_uring_cqe& cqe) {
  if (has_slot(cqe)) lists.net_slots.push_back(slot_of(cqe));
  const StreamId id{static_cast<std::uint32_t>(cqe.user_data)};
  Stream* const stream = streams_.find(id);
  if (stream == nullptr) return;  // closed meanwhile
  stream->receiving = false;
  if (cqe.res > 0 && has_slot(cqe)) {
    const auto chunk = net_buffers_.slot(slot_of(cqe)).first(static_cast<std::size_t>(cqe.res));
    if (add_stream_chunk(lists, *stream, chunk)) streams_to_arm_.push_back(id);
  } else if (cqe.res == -ENOBUFS) {
    ++counters_.receive_starvations;
    streams_to_arm_.push_back(id);
  } else if (cqe.res == -EINTR || cqe.res == -EAGAIN) {
    streams_to_arm_.push_back(id);
  } else if (cqe.res == 0) {
    end_stream(lists, *stream, StreamError::end_of_stream);
  } else {
    end_stream(lists, *stream, {-cqe.res, std::generic_category()});
  }
}

}  // namespace vpnd::tunio
