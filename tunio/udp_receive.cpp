#include "tunio/udp_receive.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vpnd::tunio {
namespace {

// What the kernel says beside a datagram, or a run of them.
struct ControlMessages {
  std::optional<int> gro_size;     // of the datagrams that it joined
  std::optional<IpAddress> local;  // the address of ours that they were sent to
};

template <typename Value>
std::optional<Value> content(const cmsghdr& control) noexcept {
  if (control.cmsg_len < CMSG_LEN(sizeof(Value))) return std::nullopt;
  Value value;
  std::memcpy(&value, CMSG_DATA(&control), sizeof value);
  return value;
}

std::optional<IpAddress> local_v4(const cmsghdr& control) noexcept {
  const auto info = content<in_pktinfo>(control);
  if (!info) return std::nullopt;
  return IpAddress::v4(ntohl(info->ipi_spec_dst.s_addr));  // unlike ipi_addr never a broadcast address
}

std::optional<IpAddress> local_v6(const cmsghdr& control) noexcept {
  const auto info = content<in6_pktinfo>(control);
  if (!info) return std::nullopt;
  return IpAddress::v6(std::as_bytes(std::span<const std::uint8_t, 16>(info->ipi6_addr.s6_addr)));
}

// Nothing when one is too short for what it claims to be.
std::optional<ControlMessages> read_control(const msghdr& message) noexcept {
  ControlMessages found;
  // CMSG_NXTHDR wants a mutable header, though it changes nothing.
  auto& mutable_message = const_cast<msghdr&>(message);
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&mutable_message, control)) {
    const auto is = [control](int level, int type) {
      return control->cmsg_level == level && control->cmsg_type == type;
    };
    if (is(IPPROTO_UDP, UDP_GRO)) {
      if (!(found.gro_size = content<int>(*control))) return std::nullopt;
    } else if (is(IPPROTO_IP, IP_PKTINFO)) {
      if (!(found.local = local_v4(*control))) return std::nullopt;
    } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
      if (!(found.local = local_v6(*control))) return std::nullopt;
    }
  }
  return found;
}

}  // namespace

std::optional<UdpArrival> check_udp_arrival(const msghdr& message, std::span<std::byte> payload,
                                            IoCounters& counters) noexcept {
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    ++counters.udp_received_truncated;
    return std::nullopt;
  }
  const auto source =
      Endpoint::from_sockaddr(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen);
  const auto control = read_control(message);
  if (!source || !control || control->gro_size.value_or(1) <= 0 || payload.empty()) {
    ++counters.udp_received_malformed;
    return std::nullopt;
  }
  const std::size_t segment_size =
      control->gro_size ? std::min(static_cast<std::size_t>(*control->gro_size), payload.size())
                        : payload.size();
  ++counters.udp_runs_received;
  counters.udp_datagrams_received += (payload.size() + segment_size - 1) / segment_size;
  counters.udp_bytes_received += payload.size();
  return UdpArrival{control->local ? source->met_at(*control->local) : *source, payload, segment_size};
}

bool is_passing_udp_error(int error) noexcept {
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EMSGSIZE:
    case EACCES:
    case EPERM:
    case ENOMEM:
    case EINTR:
    case EAGAIN:
      return true;
    default:
      return false;
  }
}

}  // namespace vpnd::tunio
