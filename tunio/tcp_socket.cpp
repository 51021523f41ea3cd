#include "tunio/tcp_socket.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "tunio/socket_setup.hpp"

namespace vpnd::tunio {

UniqueFd listen_tcp(const TcpListenOptions& options) {
  UniqueFd socket = make_socket(SOCK_STREAM, options);
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "set SO_REUSEADDR");
  if (options.reuse_port) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1, "set SO_REUSEPORT");
  bind_socket(socket, options);
  if (::listen(socket.get(), options.backlog) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen");
  }
  return socket;
}

TcpConnect start_connect(const Endpoint& remote, const SocketOptions& options) {
  TcpConnect result;
  try {
    SocketOptions fitting = options;
    // Without a local address of its own the socket takes the family of the far end.
    if (fitting.family == SocketFamily::any && !fitting.local) {
      fitting.family = remote.address().is_v4() ? SocketFamily::ipv4 : SocketFamily::ipv6;
    }
    result.socket = make_socket(SOCK_STREAM, fitting);
    if (fitting.local) {
      set_option(result.socket, SOL_SOCKET, SO_REUSEADDR, 1, "set SO_REUSEADDR");
      bind_socket(result.socket, fitting);
    }
  } catch (const std::system_error& error) {
    return {UniqueFd{}, error.code(), false};
  }
  sockaddr_storage address{};
  const socklen_t size = remote.to_sockaddr(socket_family(result.socket.get()), address);
  if (size == 0) return {UniqueFd{}, std::make_error_code(std::errc::address_family_not_supported), false};
  result.connected = ::connect(result.socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
  if (!result.connected && errno != EINPROGRESS) {
    return {UniqueFd{}, std::error_code(errno, std::generic_category()), false};
  }
  return result;
}

std::error_code finish_connect(const UniqueFd& socket) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  if (error == 0 && ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0)
    error = errno == ENOTCONN ? EINPROGRESS : errno;
  return {error, std::generic_category()};
}

std::chrono::milliseconds unacknowledged_for(const UniqueFd& socket) noexcept {
  int waiting = 0;  // sent or not: without a usable source address TCP keeps everything
  if (::ioctl(socket.get(), SIOCOUTQ, &waiting) != 0 || waiting == 0) return {};
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return std::chrono::milliseconds(info.tcpi_last_ack_recv);
}

void tune_tunnel_connection(const UniqueFd& socket, std::uint32_t unsent_limit) noexcept {
  // Each of these is an improvement, none a condition: a Unix stream in a test has none of them.
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (unsent_limit != 0) {
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_limit, sizeof unsent_limit);
  }
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags >= 0) ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK);
}

}  // namespace vpnd::tunio
