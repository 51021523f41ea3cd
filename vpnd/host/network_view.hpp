// Questions to the kernel about links, addresses and routes. Changes nothing.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/host/netlink_socket.hpp"
#include "vpnd/host/route.hpp"
#include "vpnd/host/route_messages.hpp"

namespace vpnd::host {

int device_index_of(const std::string& device);  // 0: there is none
Path path_of(const KernelRoute& route);
bool is_default_route(const KernelRoute& route);

// Borrows the socket. A question that the kernel does not answer has an empty answer.
class NetworkView {
 public:
  explicit NetworkView(NetlinkSocket& socket) : socket_(&socket) {}

  std::vector<KernelRoute> routes(tunio::IpFamily family) const;
  std::vector<tunio::Prefix> addresses(int device_index) const;
  std::optional<KernelLink> link(int device_index) const;
  // Reachable destinations only, our own addresses among them (type RTN_LOCAL).
  std::optional<KernelRoute> look_up(const tunio::IpAddress& destination) const;
  // The best default route of the main table, not counting those through `except_device`.
  std::optional<KernelRoute> default_route(tunio::IpFamily family, int except_device = 0) const;

 private:
  NetlinkSocket* socket_;
};

}  // namespace vpnd::host
