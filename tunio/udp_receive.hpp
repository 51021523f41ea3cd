#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <span>

#include "tunio/batch_io.hpp"

namespace vpnd::tunio {

/// Room for the control messages asked for: the GRO size (an int), and the address of ours that was sent to.
inline constexpr std::size_t kUdpControlSize = CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo));

/// Turns what one recvmsg returned into an arrival, or counts why not. Everything is checked: `message` says
/// where name and control messages lie and how long they are, and has the flags; `payload` is what was
/// received.
std::optional<UdpArrival> check_udp_arrival(const msghdr& message, std::span<std::byte> payload,
                                            IoCounters& counters) noexcept;

/// Errors that say something about an earlier datagram (ICMP) or a passing shortage: receiving goes on.
bool is_passing_udp_error(int error) noexcept;

}  // namespace vpnd::tunio
