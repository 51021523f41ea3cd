// The kernel's routing messages (rtnetlink(7)) as our types and back. Knows no socket.

#pragma once

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/host/netlink_socket.hpp"
#include "vpnd/host/route.hpp"

namespace vpnd::host {

// One route of a dump or of a look-up. Of a route with several next hops the first one is shown.
struct KernelRoute {
  tunio::Prefix destination;
  std::uint32_t table = 0;
  std::uint32_t metric = 0;
  std::uint8_t type = 0;  // RTN_UNICAST, …
  std::optional<tunio::IpAddress> gateway;
  std::optional<tunio::IpAddress> source;
  int device_index = 0;
  bool cached = false;             // an exception of another route, not an entry of the table
  std::vector<std::byte> payload;  // rtmsg and attributes, ready to be sent back with RTM_NEWROUTE
};
// None: not a route of IPv4 or IPv6, or malformed.
std::optional<KernelRoute> parse_route(const nlmsghdr& message);

struct KernelLink {
  std::uint32_t mtu = 0;
  std::uint32_t transmit_queue_length = 0;
  bool up = false;
};
std::optional<KernelLink> parse_link(const nlmsghdr& message);

struct KernelAddress {
  int device_index = 0;
  tunio::Prefix address;  // the local one, with its host bits
};
std::optional<KernelAddress> parse_address(const nlmsghdr& message);

// `type` is RTM_NEWROUTE or RTM_DELROUTE; `device_index` 0 leaves the device to the kernel.
NetlinkMessage route_message(int type, int flags, const Route& route, int device_index);
NetlinkMessage route_lookup_message(const tunio::IpAddress& destination);
NetlinkMessage route_dump_message(tunio::IpFamily family);

// `peer` is `local` but for point-to-point addresses.
struct LinkAddress {
  int device_index = 0;
  tunio::IpAddress local;
  tunio::IpAddress peer;
  std::uint8_t prefix_length = 0;
};
NetlinkMessage address_message(int type, int flags, const LinkAddress& address);
NetlinkMessage address_dump_message();
NetlinkMessage link_query_message(int device_index);

}  // namespace vpnd::host
