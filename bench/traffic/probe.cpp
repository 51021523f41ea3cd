#include "bench/traffic/probe.hpp"

#include <poll.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "bench/traffic/output.hpp"
#include "bench/traffic/packets.hpp"
#include "bench/traffic/stamp.hpp"

namespace vpnd::bench {

namespace {

constexpr auto kPatience = std::chrono::seconds(1);

timespec to_timespec(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

}  // namespace

Prober::Prober(const Endpoint& to, const Plan& plan)
    : socket_(Socket::connected(to)), plan_(plan), packet_(plan.size) {
  sent_at_.reserve(static_cast<std::size_t>(plan.duration / plan.interval) + 1);
}

void Prober::run() {
  sharpen_timers();
  const auto start = Clock::now();
  for (auto due = start; due < start + plan_.duration; due += plan_.interval) {
    listen(due, Until::time);
    ask();
  }
  listen(Clock::now() + kPatience, Until::all_answered);
}

void Prober::ask() {
  Stamp{.run = 0, .sequence = sent_at_.size()}.write(packet_);
  sent_at_.push_back(Clock::now());
  if (send(socket_.fd(), packet_.data(), packet_.size(), 0) < 0 && errno != ENOBUFS) fail("send");
}

void Prober::listen(Clock::time_point end, Until until) {
  while (until == Until::time || unanswered() > 0) {
    const auto left = end - Clock::now();
    if (left <= Clock::duration::zero()) return;
    const timespec wait = to_timespec(left);
    pollfd readable{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
    if (ppoll(&readable, 1, &wait, nullptr) > 0) take_answer();
  }
}

void Prober::take_answer() {
  std::array<std::byte, Packets::kLargest> answer;
  const ssize_t size = recv(socket_.fd(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) fail("recv");
    return;
  }
  const auto now = Clock::now();
  const auto stamp = Stamp::read(std::span(answer).first(static_cast<std::size_t>(size)));
  if (!stamp || stamp->sequence >= sent_at_.size()) return;
  auto& sent = sent_at_[stamp->sequence];
  if (sent == Clock::time_point{}) return;  // a duplicate
  latencies_.add(now - sent);
  sent = {};
}

void echo(const Endpoint& at) {
  const Socket socket = Socket::bound(at);
  say("ready");
  std::array<std::byte, Packets::kLargest> packet;
  for (;;) {
    Endpoint from;
    from.size = sizeof from.storage;
    const ssize_t size = recvfrom(socket.fd(), packet.data(), packet.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from.storage), &from.size);
    if (size < 0) {
      if (errno != EINTR) fail("recvfrom");
      continue;
    }
    // A full queue on the way back is the prober's to notice, as an answer that never comes.
    if (sendto(socket.fd(), packet.data(), static_cast<std::size_t>(size), 0, from.address(), from.size) <
            0 &&
        errno != ENOBUFS && errno != ECONNREFUSED)
      fail("sendto");
  }
}

}  // namespace vpnd::bench
