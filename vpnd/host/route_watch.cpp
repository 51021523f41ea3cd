#include "vpnd/host/route_watch.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace vpnd::host {

RouteWatch::RouteWatch()
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
  if (!socket_ || ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "listen for changes of routes");
}

// Messages that did not fit the socket (ENOBUFS) were changes as well.
void RouteWatch::drain() noexcept {
  std::array<char, 8192> ignored{};
  for (;;) {
    const auto size = ::recv(socket_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != ENOBUFS && errno != EINTR)) return;
  }
}

}  // namespace vpnd::host
