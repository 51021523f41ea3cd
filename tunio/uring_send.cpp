// The sending half of the io_uring engine: everything queued in a turn becomes submissions, one
// io_uring_enter takes them in, and since none may block, their completions are there when it returns.

#include <poll.h>

#include <algorithm>
#include <utility>

#include "tunio/uring_io.hpp"

namespace vpnd::tunio {

void UringIo::write_packet(ArrivalLists& lists, const TunWrite& write, std::size_t size) {
  const std::size_t pieces = write.parts.size() + 1;
  if (tun_writes_ == write_headers_.size() || pieces_used_ + pieces > write_pieces_.size())
    finish_sends(lists);
  auto& header = write_headers_[tun_writes_++];
  header = encode_virtio_net(write.header);
  iovec* const first = write_pieces_.data() + pieces_used_;
  pieces_used_ += pieces;
  *first = {header.data(), header.size()};
  std::copy(write.parts.begin(), write.parts.end(), first + 1);

  ring_.start();
  io_uring_sqe* const sqe = ring_.next(tag(Op::tun_write, static_cast<std::uint32_t>(size)));
  io_uring_prep_writev(sqe, config_.tun.get(), first, static_cast<unsigned>(pieces), 0);
  sqe->rw_flags =
      RWF_NOWAIT;  // the device's queue is full: EAGAIN, not a wait that keeps the arrivals occupied
  ++sends_in_flight_;
}

void UringIo::send_all(ArrivalLists& lists) {
  ring_.start();
  const bool as_runs = sender_.has_work() && sender_.single_messages();
  if (as_runs) {
    submit_udp();
  } else {
    sender_.send_queued();
  }
  submit_streams();
  finish_sends(lists);
  if (as_runs) sender_.finish();
  watch_udp_writable();
  while (!streams_.work().empty()) {  // a stream had more than one message takes
    submit_streams();
    finish_sends(lists);
  }
  counters_.system_calls += ring_.take_enters();
}

void UringIo::submit_udp() noexcept {
  for (std::size_t i = 0; i < sender_.count(); ++i) {
    const msghdr* const message = sender_.begin(i);
    if (message == nullptr) continue;
    io_uring_sqe* const sqe = ring_.next(tag(Op::udp_send, static_cast<std::uint32_t>(i)));
    io_uring_prep_sendmsg(sqe, config_.udp.get(), message, MSG_DONTWAIT | MSG_NOSIGNAL);
    ++sends_in_flight_;
  }
}

void UringIo::submit_streams() noexcept {
  for (const StreamId id : streams_.work()) {
    Stream* const stream = streams_.find(id);
    if (stream == nullptr) continue;
    stream->has_work = false;
    io_uring_sqe* const sqe = ring_.next(tag(Op::stream_send, id.value));
    io_uring_prep_sendmsg(sqe, stream->fd.get(), &stream->next_message(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ++sends_in_flight_;
  }
  streams_.work().clear();
}

void UringIo::stream_send_done(ArrivalLists& lists, const io_uring_cqe& cqe) {
  const StreamId id{static_cast<std::uint32_t>(cqe.user_data)};
  Stream* const stream = streams_.find(id);
  if (stream == nullptr) return;
  switch (stream_sent(lists, *stream, cqe.res)) {
    case Sent::more:
      streams_.note_work(*stream);
      return;
    case Sent::blocked:
      io_uring_prep_poll_add(ring_.next(tag(Op::stream_writable, id.value)), stream->fd.get(), POLLOUT);
      return;
    case Sent::done:
    case Sent::ended:
      return;
  }
}

void UringIo::watch_udp_writable() noexcept {
  if (!sender_.blocked() || std::exchange(udp_writable_watched_, true)) return;
  io_uring_prep_poll_add(ring_.next(tag(Op::udp_writable, 0)), config_.udp.get(), POLLOUT);
}

// Submits, and stays until all that was sent and written has its completion.
void UringIo::finish_sends(ArrivalLists& lists) {
  if (sends_in_flight_ > 0) {
    ring_.submit_and_look();
    collect(lists);
  }
  while (sends_in_flight_ > 0) {
    ring_.submit_and_wait(std::chrono::nanoseconds::max());
    collect(lists);
  }
  tun_writes_ = 0;
  pieces_used_ = 0;
}

}  // namespace vpnd::tunio
