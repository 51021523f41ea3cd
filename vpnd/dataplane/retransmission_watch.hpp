// Whether TCP connections lose something on their way: a sender that repeats what it has sent says so, and
// its packets come by here. Belongs to one worker thread; nothing here allocates or locks.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tunio/ip_packet.hpp"

namespace vpnd::dataplane {

/// Remembers how far connections have come, a bounded number of them. One whose place another has taken, or
/// whose ports are used anew, may be judged wrongly once: good for tuning, and for nothing else.
class RetransmissionWatch {
 public:
  /// Asked for each packet or super-packet that goes out, once. True if it begins before the end of what its
  /// connection has sent already (RFC 9293 §3.8.1). Packets without TCP payload tell nothing.
  bool repeats(const tunio::IpPacket& packet) noexcept;

 private:
  struct Connection {
    std::uint32_t tag = 0;   // its hash, of which the lower bits are the place
    std::uint32_t next = 0;  // the sequence number behind what it has sent
  };
  static constexpr std::size_t kConnections = 1024;

  std::array<Connection, kConnections> connections_{};
};

}  // namespace vpnd::dataplane
