#include "tunio/udp_socket.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "tunio/socket_setup.hpp"

namespace vpnd::tunio {
namespace {

void set_mtu_discovery(const UniqueFd& socket, MtuDiscovery mode) {
  static_assert(IP_PMTUDISC_DONT == IPV6_PMTUDISC_DONT && IP_PMTUDISC_WANT == IPV6_PMTUDISC_WANT &&
                IP_PMTUDISC_DO == IPV6_PMTUDISC_DO);
  int value = IP_PMTUDISC_DONT;
  switch (mode) {
    case MtuDiscovery::system_default:
      return;
    case MtuDiscovery::never:
      break;
    case MtuDiscovery::want:
      value = IP_PMTUDISC_WANT;
      break;
    case MtuDiscovery::always:
      value = IP_PMTUDISC_DO;
      break;
  }
  // An IPv6 socket needs both: it sends IPv4 by IPv4's rule.
  set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER, value, "set IP_MTU_DISCOVER");
  if (socket_family(socket.get()) == AF_INET6) {
    set_option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, value, "set IPV6_MTU_DISCOVER");
  }
}

// An IPv6 socket tells it of IPv4, too, as a mapped address.
void note_local_address(const UniqueFd& socket) {
  if (socket_family(socket.get()) == AF_INET6) {
    set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "set IPV6_RECVPKTINFO");
  } else {
    set_option(socket, IPPROTO_IP, IP_PKTINFO, 1, "set IP_PKTINFO");
  }
}

void connect_socket(const UniqueFd& socket, const Endpoint& remote) {
  sockaddr_storage address{};
  const socklen_t size = remote.to_sockaddr(socket_family(socket.get()), address);
  if (size == 0) errno = EAFNOSUPPORT;
  if (size == 0 || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    throw std::system_error(errno, std::generic_category(), fmt::format("connect to {}", remote.format()));
  }
}

using NameFunction = int (*)(int, sockaddr*, socklen_t*);

std::optional<Endpoint> ask_name(NameFunction function, const UniqueFd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (function(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return Endpoint::from_sockaddr(address, size);
}

}  // namespace

UniqueFd open_udp_socket(const UdpOptions& options) {
  UniqueFd socket = make_socket(SOCK_DGRAM, options);
  if (options.reuse_port) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1, "set SO_REUSEPORT");
  set_mtu_discovery(socket, options.mtu_discovery);
  if (options.gro) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_UDP, UDP_GRO, &on,
                 sizeof on);  // Linux < 5.0: one datagram per receive
  }
  if (options.note_local_address) note_local_address(socket);
  bind_socket(socket, options);
  if (options.remote) connect_socket(socket, *options.remote);
  return socket;
}

Endpoint local_endpoint(const UniqueFd& socket) {
  return ask_name(::getsockname, socket).value_or(Endpoint{});
}

std::optional<Endpoint> remote_endpoint(const UniqueFd& socket) {
  return ask_name(::getpeername, socket);
}

}  // namespace vpnd::tunio
