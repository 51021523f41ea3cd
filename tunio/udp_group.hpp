// Several UDP sockets on one port, one per worker, and the kernel's choice among them.

#pragma once

#include <cstdint>
#include <vector>

#include "tunio/udp_socket.hpp"

namespace vpnd::tunio {

/// Which socket of a group gets a datagram: its first four bytes, as one big-endian number, say so. Those
/// that do not match, and shorter ones, go to the first socket.
struct Steering {
  std::uint32_t mask = 0;   ///< which bits have to …
  std::uint32_t match = 0;  ///< … be these
  std::uint32_t key = 0;    ///< of a number that matches: these bits, modulo the number of sockets
};

/// Opens `count` sockets that share the address `options` asks for (its port may be 0), in the order that
/// steering counts them. The address must not be in use, not even by another group. Until the last one is
/// open, datagrams may reach any of them. Throws std::system_error.
std::vector<UniqueFd> open_udp_group(const UdpOptions& options, unsigned count, const Steering& steering);

}  // namespace vpnd::tunio
