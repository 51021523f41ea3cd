// What a client does when its host moves to another network.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <system_error>
#include <utility>

#include "tunio/tcp_socket.hpp"
#include "vpnd/control/client.hpp"

namespace vpnd::control {

namespace {

// So long after the host has moved it is looked whether the connection has; and so long nothing has been
// acknowledged then if it has not.
constexpr std::chrono::milliseconds kLook{3000};
constexpr std::chrono::milliseconds kSilence{1500};

}  // namespace

// Without it a change is noticed when pings are not answered.
void Client::watch_path() {
  try {
    path_watch_.emplace(context_, [this] { follow_path(); });
  } catch (const std::system_error& error) {
    spdlog::warn("moves to another network are not followed: {}", error.what());
  }
}

// Over UDP the session moves with the host, as soon as the server hears from there: at once, since inside it
// may be the server's turn to send. A connection cannot move; whether it works still shows what is sent now.
void Client::follow_path() {
  if (!session_ || !pushed_) return;
  auto path = tunnel_->way_to(server_endpoint().address());
  if (!path || path == path_) return;
  const bool moved = !path_ || path->source != path_->source;
  path_ = std::move(path);
  spdlog::info("the server is reached by {} now", path_->device);
  if (relay_ && moved) return leave_former_network();
  data_plane_->post(dataplane::SendKeepalive{kServer});
  if (stream_) await_acknowledgement();
}

void Client::await_acknowledgement() {
  path_timer_.expires_after(kLook);
  path_timer_.async_wait([this, attempt = attempt_](const asio::error_code& error) {
    if (error || attempt != attempt_) return;
    if (tunio::unacknowledged_for(transport_) >= kSilence) leave_former_network();
  });
}

void Client::leave_former_network() {
  reconnect(RestartCause::connection_reset, "the connection has stayed in another network, restarting",
            Next::same_remote);
}

}  // namespace vpnd::control
