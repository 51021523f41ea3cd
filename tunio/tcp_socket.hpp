#pragma once

#include <chrono>
#include <cstdint>
#include <system_error>

#include "tunio/endpoint.hpp"
#include "tunio/udp_socket.hpp"
#include "tunio/unique_fd.hpp"

namespace vpnd::tunio {

struct TcpListenOptions : SocketOptions {
  int backlog = 128;
  bool reuse_port = false;
};

/// A non-blocking listening socket (SO_REUSEADDR set). Throws std::system_error.
UniqueFd listen_tcp(const TcpListenOptions& options);

struct TcpConnect {
  UniqueFd socket;         // empty when `error` is set
  std::error_code error;   // refused, unreachable …; not set while the connection is under way
  bool connected = false;  // false without error: wait until writable, then ask finish_connect()
};

/// Starts a connection and does not wait. `options.local` binds the near end. Never throws for what the
/// network says.
TcpConnect start_connect(const Endpoint& remote, const SocketOptions& options);

/// The outcome, once the socket became writable; operation_in_progress when it only seemed to be.
std::error_code finish_connect(const UniqueFd& socket) noexcept;

/// How long nothing has been acknowledged of what was sent; 0: there is nothing of that, or TCP does not
/// tell.
std::chrono::milliseconds unacknowledged_for(const UniqueFd& socket) noexcept;

/// How a connection that carries a tunnel is set up: TCP_NODELAY, non-blocking, and at most `unsent_limit`
/// bytes in the kernel that were not sent yet (TCP_NOTSENT_LOWAT; 0: leave), so that queues stand where they
/// can be managed.
void tune_tunnel_connection(const UniqueFd& socket, std::uint32_t unsent_limit) noexcept;

}  // namespace vpnd::tunio
