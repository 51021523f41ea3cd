// Runs one proto::Session: its packets go out through the data plane, its timers through the io_context, its
// events to whoever owns it.

#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "proto/session.hpp"
#include "vpnd/control/data_plane.hpp"

namespace vpnd::control {

/// The current moment on both clocks.
proto::Now now();

/// A line for each certificate of a peer that was found good, as OpenVPN writes it. `label` stands in front
/// of it, unless it is empty.
void log_verified(std::string_view label, std::span<const crypto::CertificateFacts> chain);

/// Hears a session's events. A handler may call anything on the driver, but must not destroy it before it
/// returns.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual void on_session_event(proto::SessionEvent&& event) = 0;
};

class SessionDriver {
 public:
  SessionDriver(asio::io_context& context, DataPlane& data_plane, dataplane::Link link,
                std::unique_ptr<proto::Session> session, SessionOwner& owner);

  proto::Session& session() noexcept { return *session_; }
  const proto::Session& session() const noexcept { return *session_; }
  const dataplane::Link& link() const noexcept { return link_; }
  void set_link(const dataplane::Link& link) { link_ = link; }
  /// From now on packets reset this peer's ping timer.
  void set_peer(dataplane::PeerIndex peer) noexcept { peer_ = peer; }

  /// One control packet of this session. What it leads to happens before the call returns.
  proto::DropReason receive(std::span<const std::byte> packet);

  /// After any call on session(): sends what it queued, hands over its events, and sets the timer.
  void pump();

  /// Asks the session for a new key, unless it is at it already.
  void start_rekey();
  /// A usage limit of this key comes near: asks for a new one, unless there is one already. Lanes report it
  /// one by one.
  void renew_worn_key(proto::KeyId worn);
  /// The peer sends with this key, so we may.
  void note_peer_used_key(proto::KeyId key);

  /// When something authenticated last came by the control channel.
  proto::TimePoint last_received() const noexcept { return last_received_; }

 private:
  bool send_queued();
  void set_timer();

  DataPlane& data_plane_;
  dataplane::Link link_;
  std::optional<dataplane::PeerIndex> peer_;
  std::unique_ptr<proto::Session> session_;
  SessionOwner& owner_;
  asio::steady_timer timer_;
  std::vector<std::byte> packet_;
  proto::TimePoint last_received_;
  bool pumping_ = false;
  // A timer that has expired already runs its handler even after it was destroyed; the handler asks this
  // first.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace vpnd::control
