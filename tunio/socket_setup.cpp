#include "tunio/socket_setup.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace vpnd::tunio {
namespace {

[[noreturn]] void fail(std::string_view step) {
  throw std::system_error(errno, std::generic_category(), std::string(step));
}

int wanted_family(const SocketOptions& options) {
  switch (options.family) {
    case SocketFamily::ipv4:
      return AF_INET;
    case SocketFamily::ipv6:
      return AF_INET6;
    case SocketFamily::any:
      break;
  }
  // A given IPv4 address is served by an IPv4 socket; only "any address" wants both worlds.
  if (options.local && options.local->address().is_v4() && !options.local->address().is_unspecified()) {
    return AF_INET;
  }
  return AF_INET6;
}

UniqueFd new_socket(int type, const SocketOptions& options) {
  const int flags = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int family = wanted_family(options);
  UniqueFd socket(::socket(family, flags, 0));
  const bool kernel_lacks_ipv6 = !socket && errno == EAFNOSUPPORT && family == AF_INET6;
  if (kernel_lacks_ipv6 && options.family == SocketFamily::any) socket.reset(::socket(AF_INET, flags, 0));
  if (!socket)
    fail(kernel_lacks_ipv6 ? "create socket (is IPv6 switched off in the kernel?)" : "create socket");
  return socket;
}

// The FORCE variants go beyond net.core.[rw]mem_max and need CAP_NET_ADMIN; what the limit allows is better
// than nothing without.
void set_buffer(const UniqueFd& socket, int forced, int limited, std::uint32_t bytes, std::string_view what) {
  if (bytes == 0) return;
  const int value = static_cast<int>(std::min<std::uint32_t>(bytes, std::numeric_limits<int>::max() / 2));
  if (::setsockopt(socket.get(), SOL_SOCKET, forced, &value, sizeof value) == 0) return;
  set_option(socket, SOL_SOCKET, limited, value, what);
}

}  // namespace

void set_option(const UniqueFd& socket, int level, int option, int value, std::string_view what) {
  if (::setsockopt(socket.get(), level, option, &value, sizeof value) != 0) fail(what);
}

void set_buffers(const UniqueFd& socket, std::uint32_t receive_buffer, std::uint32_t send_buffer) {
  set_buffer(socket, SO_RCVBUFFORCE, SO_RCVBUF, receive_buffer, "set the receive buffer");
  set_buffer(socket, SO_SNDBUFFORCE, SO_SNDBUF, send_buffer, "set the send buffer");
}

UniqueFd make_socket(int type, const SocketOptions& options) {
  UniqueFd socket = new_socket(type, options);
  if (socket_family(socket.get()) == AF_INET6) {
    const int only_v6 = options.family == SocketFamily::ipv6 ? 1 : 0;
    set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, only_v6, "set IPV6_V6ONLY");
  }
  set_buffers(socket, options.receive_buffer, options.send_buffer);
  if (options.mark != 0) {
    set_option(socket, SOL_SOCKET, SO_MARK, static_cast<int>(options.mark), "set SO_MARK (CAP_NET_ADMIN?)");
  }
  if (!options.device.empty() &&
      ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, options.device.data(),
                   static_cast<socklen_t>(options.device.size())) != 0) {
    fail(fmt::format("bind to device {}", options.device));
  }
  return socket;
}

void bind_socket(const UniqueFd& socket, const SocketOptions& options) {
  const int family = socket_family(socket.get());
  Endpoint local = options.local.value_or(Endpoint{});
  if (local.address().is_unspecified() && family == AF_INET6) {
    // Not 0.0.0.0 mapped into IPv6: that would hear IPv4 only.
    local = Endpoint(IpAddress::v6(std::array<std::byte, 16>{}), local.port());
  } else if (local.address().is_unspecified()) {
    local = Endpoint(IpAddress{}, local.port());
  }
  sockaddr_storage address{};
  const socklen_t size = local.to_sockaddr(family, address);
  if (size == 0) errno = EAFNOSUPPORT;
  if (size == 0 || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    fail(fmt::format("bind to {}", local.format()));
  }
}

int socket_family(int fd) noexcept {
  int family = AF_UNSPEC;
  socklen_t size = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return AF_UNSPEC;
  return family;
}

}  // namespace vpnd::tunio
