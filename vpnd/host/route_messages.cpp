#include "vpnd/host/route_messages.hpp"

#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace vpnd::host {
namespace {

using tunio::IpAddress;
using tunio::IpFamily;

unsigned char kernel_family(IpFamily family) {
  return family == IpFamily::v4 ? AF_INET : AF_INET6;
}

std::optional<IpFamily> our_family(int family) {
  if (family == AF_INET) return IpFamily::v4;
  if (family == AF_INET6) return IpFamily::v6;
  return std::nullopt;
}

std::optional<IpAddress> address_of(std::span<const std::byte> bytes) {
  if (bytes.size() == 4) return IpAddress::v4(bytes.first<4>());
  if (bytes.size() == 16) return IpAddress::v6(bytes.first<16>());
  return std::nullopt;
}

std::span<const std::byte> bytes_of(const nlattr* attribute) {
  return {static_cast<const std::byte*>(::nla_data(attribute)),
          static_cast<std::size_t>(::nla_len(attribute))};
}

std::optional<IpAddress> address_of(const nlattr* attribute) {
  return attribute != nullptr ? address_of(bytes_of(attribute)) : std::nullopt;
}

// RTA_VIA: a next hop of another family than the destination's, as a family and an address.
std::optional<IpAddress> via_of(const nlattr* attribute) {
  if (attribute == nullptr || bytes_of(attribute).size() < sizeof(std::uint16_t)) return std::nullopt;
  return address_of(bytes_of(attribute).subspan(sizeof(std::uint16_t)));
}

std::uint32_t number_of(const nlattr* attribute, std::uint32_t otherwise) {
  return attribute != nullptr && ::nla_len(attribute) >= 4 ? ::nla_get_u32(attribute) : otherwise;
}

template <std::size_t N>
bool parse_attributes(const nlmsghdr& message, std::size_t header, std::array<nlattr*, N>& attributes) {
  // libnl reads only, but was written without const.
  auto* const readable = const_cast<nlmsghdr*>(&message);
  return ::nlmsg_parse(readable, static_cast<int>(header), attributes.data(), static_cast<int>(N) - 1,
                       nullptr) == 0;
}

// States of the moment, which the kernel reports but does not take back.
constexpr unsigned kReportedHopFlags =
    RTNH_F_DEAD | RTNH_F_LINKDOWN | RTNH_F_OFFLOAD | RTNH_F_TRAP | RTNH_F_UNRESOLVED;

void append(std::vector<std::byte>& payload, std::span<const std::byte> bytes) {
  payload.insert(payload.end(), bytes.begin(), bytes.end());
  payload.resize(NLMSG_ALIGN(payload.size()));
}

// RTA_MULTIPATH: a list of rtnexthop, each with a length and attributes of its own.
void clear_hop_flags(std::span<std::byte> hops) {
  while (hops.size() >= sizeof(rtnexthop)) {
    rtnexthop hop{};
    std::memcpy(&hop, hops.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) return;
    hop.rtnh_flags = static_cast<unsigned char>(hop.rtnh_flags & ~kReportedHopFlags);
    std::memcpy(hops.data(), &hop, sizeof hop);
    hops = hops.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), hops.size()));
  }
}

bool belongs_in_request(int attribute, bool has_nexthop_object) {
  if (attribute == RTA_CACHEINFO) return false;
  // With a next hop object the kernel shows that hop's parts as well, but refuses to be told both.
  const bool part_of_hop = attribute == RTA_OIF || attribute == RTA_GATEWAY || attribute == RTA_VIA ||
                           attribute == RTA_MULTIPATH || attribute == RTA_ENCAP ||
                           attribute == RTA_ENCAP_TYPE;
  return !(has_nexthop_object && part_of_hop);
}

std::vector<std::byte> request_payload(const nlmsghdr& message, const rtmsg& header,
                                       bool has_nexthop_object) {
  rtmsg asked = header;
  asked.rtm_flags &= ~(kReportedHopFlags | RTM_F_CLONED);
  std::vector<std::byte> payload;
  append(payload, std::as_bytes(std::span(&asked, 1)));

  const nlattr* attribute = ::nlmsg_attrdata(&message, sizeof(rtmsg));
  int left = ::nlmsg_attrlen(&message, sizeof(rtmsg));
  for (; ::nla_ok(attribute, left) != 0; attribute = ::nla_next(attribute, &left)) {
    if (!belongs_in_request(::nla_type(attribute), has_nexthop_object)) continue;
    const std::size_t begin = payload.size();
    append(payload, {reinterpret_cast<const std::byte*>(attribute), attribute->nla_len});
    if (::nla_type(attribute) == RTA_MULTIPATH)
      clear_hop_flags(std::span(payload).subspan(begin + NLA_HDRLEN));
  }
  return payload;
}

void read_first_hop(const nlattr* multipath, KernelRoute& route) {
  const std::span<const std::byte> bytes = bytes_of(multipath);
  rtnexthop hop{};
  if (bytes.size() < sizeof hop) return;
  std::memcpy(&hop, bytes.data(), sizeof hop);
  if (hop.rtnh_len < sizeof hop || hop.rtnh_len > bytes.size()) return;
  route.device_index = hop.rtnh_ifindex;
  const auto* const attributes = reinterpret_cast<const nlattr*>(bytes.data() + sizeof hop);
  const int size = static_cast<int>(hop.rtnh_len - sizeof hop);
  route.gateway = address_of(::nla_find(attributes, size, RTA_GATEWAY));
  if (!route.gateway) route.gateway = via_of(::nla_find(attributes, size, RTA_VIA));
}

}  // namespace

std::optional<KernelRoute> parse_route(const nlmsghdr& message) {
  std::array<nlattr*, RTA_MAX + 1> attributes{};
  if (message.nlmsg_type != RTM_NEWROUTE || !parse_attributes(message, sizeof(rtmsg), attributes))
    return std::nullopt;
  rtmsg header{};
  std::memcpy(&header, ::nlmsg_data(&message), sizeof header);
  const auto family = our_family(header.rtm_family);
  if (!family) return std::nullopt;

  KernelRoute route;
  const auto everything = *family == IpFamily::v4 ? IpAddress() : IpAddress::v6(std::array<std::byte, 16>{});
  route.destination = {address_of(attributes[RTA_DST]).value_or(everything), header.rtm_dst_len};
  if (route.destination.family() != *family || header.rtm_dst_len > everything.bits()) return std::nullopt;
  route.table = number_of(attributes[RTA_TABLE], header.rtm_table);
  route.metric = number_of(attributes[RTA_PRIORITY], 0);
  route.type = header.rtm_type;
  route.cached = (header.rtm_flags & RTM_F_CLONED) != 0;
  route.source = address_of(attributes[RTA_PREFSRC]);
  route.gateway = address_of(attributes[RTA_GATEWAY]);
  if (!route.gateway) route.gateway = via_of(attributes[RTA_VIA]);
  route.device_index = static_cast<int>(number_of(attributes[RTA_OIF], 0));
  if (attributes[RTA_MULTIPATH] != nullptr) read_first_hop(attributes[RTA_MULTIPATH], route);
  route.payload = request_payload(message, header, attributes[RTA_NH_ID] != nullptr);
  return route;
}

std::optional<KernelLink> parse_link(const nlmsghdr& message) {
  std::array<nlattr*, IFLA_MAX + 1> attributes{};
  if (message.nlmsg_type != RTM_NEWLINK || !parse_attributes(message, sizeof(ifinfomsg), attributes)) {
    return std::nullopt;
  }
  ifinfomsg header{};
  std::memcpy(&header, ::nlmsg_data(&message), sizeof header);
  return KernelLink{number_of(attributes[IFLA_MTU], 0), number_of(attributes[IFLA_TXQLEN], 0),
                    (header.ifi_flags & IFF_UP) != 0};
}

std::optional<KernelAddress> parse_address(const nlmsghdr& message) {
  std::array<nlattr*, IFA_MAX + 1> attributes{};
  if (message.nlmsg_type != RTM_NEWADDR || !parse_attributes(message, sizeof(ifaddrmsg), attributes)) {
    return std::nullopt;
  }
  ifaddrmsg header{};
  std::memcpy(&header, ::nlmsg_data(&message), sizeof header);
  const auto local =
      address_of(attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS]);
  if (!local || header.ifa_prefixlen > local->bits()) return std::nullopt;
  return KernelAddress{static_cast<int>(header.ifa_index), {*local, header.ifa_prefixlen}};
}

NetlinkMessage route_message(int type, int flags, const Route& route, int device_index) {
  const tunio::Prefix destination = route.destination.network();
  rtmsg header{};
  header.rtm_family = kernel_family(destination.family());
  header.rtm_dst_len = destination.length;
  header.rtm_table = static_cast<unsigned char>(route.table < 256 ? route.table : RT_TABLE_UNSPEC);
  header.rtm_protocol = RTPROT_BOOT;  // as stock and `ip route` do
  header.rtm_scope = route.gateway || destination.address.is_v6() ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;

  NetlinkMessage message(type, flags);
  message.header(header);
  message.put(RTA_DST, destination.address.bytes());
  message.put(RTA_TABLE, route.table);
  if (device_index != 0) message.put(RTA_OIF, static_cast<std::uint32_t>(device_index));
  if (route.metric) message.put(RTA_PRIORITY, *route.metric);
  if (route.gateway && route.gateway->family() == destination.family()) {
    message.put(RTA_GATEWAY, route.gateway->bytes());
  } else if (route.gateway) {
    const std::uint16_t family = kernel_family(route.gateway->family());
    std::array<std::byte, sizeof family + 16> via{};
    std::memcpy(via.data(), &family, sizeof family);
    std::memcpy(via.data() + sizeof family, route.gateway->bytes().data(), route.gateway->bytes().size());
    message.put(RTA_VIA, std::span(via).first(sizeof family + route.gateway->bytes().size()));
  }
  return message;
}

NetlinkMessage route_lookup_message(const tunio::IpAddress& destination) {
  rtmsg header{};
  header.rtm_family = kernel_family(destination.family());
  header.rtm_dst_len = destination.bits();
  NetlinkMessage message(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_ACK);
  message.header(header).put(RTA_DST, destination.bytes());
  return message;
}

NetlinkMessage route_dump_message(tunio::IpFamily family) {
  rtmsg header{};
  header.rtm_family = kernel_family(family);
  NetlinkMessage message(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
  message.header(header);
  return message;
}

NetlinkMessage address_message(int type, int flags, const LinkAddress& address) {
  ifaddrmsg header{};
  header.ifa_family = kernel_family(address.local.family());
  header.ifa_prefixlen = address.prefix_length;
  header.ifa_index = static_cast<std::uint32_t>(address.device_index);
  NetlinkMessage message(type, flags);
  message.header(header);
  message.put(IFA_LOCAL, address.local.bytes()).put(IFA_ADDRESS, address.peer.bytes());
  // Nobody else is on a tunnel, so no time is lost with asking whether the address is taken.
  if (address.local.is_v6()) message.put(IFA_FLAGS, IFA_F_NODAD);
  return message;
}

NetlinkMessage address_dump_message() {
  NetlinkMessage message(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
  message.header(ifaddrmsg{});
  return message;
}

NetlinkMessage link_query_message(int device_index) {
  ifinfomsg header{};
  header.ifi_index = device_index;
  NetlinkMessage message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK);
  message.header(header);
  return message;
}

}  // namespace vpnd::host
