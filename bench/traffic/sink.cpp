#include "bench/traffic/sink.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "bench/traffic/output.hpp"
#include "bench/traffic/stamp.hpp"

namespace vpnd::bench {

namespace {
constexpr std::chrono::milliseconds kQuiet{250};  // longer than any queue on the way holds a packet
}

Sink::Sink(const Endpoint& at) : socket_(Socket::bound(at)) {}

void Sink::run() {
  say("ready");
  for (;;) {
    pollfd readable{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, run_ ? static_cast<int>(kQuiet.count()) : -1) == 0) {
      finish();
      continue;
    }
    packets_.offer_all();
    const int got = recvmmsg(socket_.fd(), packets_.messages(), Packets::kCount, MSG_DONTWAIT, nullptr);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR) fail("recvmmsg");
      continue;
    }
    const auto now = Clock::now();
    for (int i = 0; i < got; ++i) count(packets_.received(static_cast<std::size_t>(i)), now);
    note_overflow(packets_.messages()[got - 1].msg_hdr);
  }
}

void Sink::count(std::span<const std::byte> packet, Clock::time_point now) {
  const auto stamp = Stamp::read(packet);
  const bool of_this_run = stamp && run_ && stamp->run == run_->number;
  if (!of_this_run && (!stamp || stamp->run <= newest_)) {
    if (run_) ++run_->foreign;
    return;
  }
  if (!of_this_run) begin(stamp->run, now);
  run_->last = now;
  run_->tally.add(stamp->sequence, packet.size());
}

void Sink::begin(std::uint32_t number, Clock::time_point now) {
  if (run_) finish();
  run_.emplace(
      Run{.number = number, .tally = {}, .overflowed_before = overflowed_, .first = now, .last = now});
  newest_ = number;
}

void Sink::note_overflow(const msghdr& message) {
  msghdr copy = message;
  for (cmsghdr* control = CMSG_FIRSTHDR(&copy); control != nullptr; control = CMSG_NXTHDR(&copy, control)) {
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL)
      std::memcpy(&overflowed_, CMSG_DATA(control), sizeof overflowed_);
  }
}

void Sink::finish() {
  const Tally& tally = run_->tally;
  say(fmt::format(
      R"({{"run": {}, "packets": {}, "bytes": {}, "missing": {}, "duplicates": {}, "reordered": {}, )"
      R"("strays": {}, "socket_drops": {}, "seconds": {:.6f}}})",
      run_->number, tally.packets(), tally.bytes(), tally.missing(), tally.duplicates(), tally.reordered(),
      tally.strays() + run_->foreign, overflowed_ - run_->overflowed_before,
      std::chrono::duration<double>(run_->last - run_->first).count()));
  run_.reset();
}

}  // namespace vpnd::bench
