#include "vpnd/control/session_driver.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

namespace vpnd::control {

void log_verified(std::string_view label, std::span<const crypto::CertificateFacts> chain) {
  for (std::size_t depth = chain.size(); depth-- > 0;) {
    spdlog::info("{}{}VERIFY OK: depth={}, {}", label, label.empty() ? "" : ": ", depth,
                 chain[depth].subject);
  }
}

proto::Now now() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {.steady = proto::Clock::now(),
          .unix_seconds =
              static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(wall).count())};
}

SessionDriver::SessionDriver(asio::io_context& context, DataPlane& data_plane, dataplane::Link link,
                             std::unique_ptr<proto::Session> session, SessionOwner& owner)
    : data_plane_(data_plane),
      link_(link),
      session_(std::move(session)),
      owner_(owner),
      timer_(context),
      last_received_(proto::Clock::now()) {}

proto::DropReason SessionDriver::receive(std::span<const std::byte> packet) {
  const proto::Now moment = now();
  const proto::DropReason drop = session_->receive(packet, moment);
  if (drop == proto::DropReason::none) last_received_ = moment.steady;
  pump();
  return drop;
}

// A handler may cause more packets and events, which this loop finds; its own calls of pump() then do
// nothing. Events come first: a worker must have the keys of an exchange before the packet leaves that lets
// the peer use them.
void SessionDriver::pump() {
  if (pumping_) return;
  pumping_ = true;
  do {
    while (auto event = session_->next_event()) owner_.on_session_event(std::move(*event));
  } while (send_queued());
  pumping_ = false;
  set_timer();
}

void SessionDriver::start_rekey() {
  session_->start_rekey(now());
  pump();
}

void SessionDriver::renew_worn_key(proto::KeyId worn) {
  if (session_->established_key() == worn) start_rekey();
}

void SessionDriver::note_peer_used_key(proto::KeyId key) {
  session_->note_peer_used_key(key, now());
  pump();
}

bool SessionDriver::send_queued() {
  bool any = false;
  for (; session_->next_packet(packet_, now()); any = true) data_plane_.send_control(link_, packet_, peer_);
  return any;
}

void SessionDriver::set_timer() {
  const proto::TimePoint deadline = session_->deadline();
  if (deadline == proto::TimePoint::max()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(deadline);
  timer_.async_wait([this, alive = std::weak_ptr<const bool>(alive_)](const asio::error_code& error) {
    if (error || alive.expired()) return;
    session_->tick(now());
    pump();
  });
}

}  // namespace vpnd::control
