#include "tunio/udp_receive.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vpnd::tunio {
namespace {

// The size of the datagrams that the kernel joined; `whole` when it joined nothing. Nothing for an impossible
// one.
std::optional<std::size_t> gro_size(const msghdr& message, std::size_t whole) noexcept {
  // CMSG_NXTHDR wants a mutable header, though it changes nothing.
  auto& mutable_message = const_cast<msghdr&>(message);
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&mutable_message, control)) {
    if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
    int size = 0;
    if (control->cmsg_len < CMSG_LEN(sizeof size)) return std::nullopt;
    std::memcpy(&size, CMSG_DATA(control), sizeof size);
    if (size <= 0) return std::nullopt;
    return std::min(static_cast<std::size_t>(size), whole);
  }
  return whole;
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
  const auto segment_size = gro_size(message, payload.size());
  if (!source || !segment_size || payload.empty()) {
    ++counters.udp_received_malformed;
    return std::nullopt;
  }
  ++counters.udp_runs_received;
  counters.udp_datagrams_received += (payload.size() + *segment_size - 1) / *segment_size;
  counters.udp_bytes_received += payload.size();
  return UdpArrival{*source, payload, *segment_size};
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
