// MSS clamping on the data path: one look at each packet, work only for SYNs.

#pragma once

#include <span>

#include "tunio/ip_packet.hpp"
#include "tunio/mss_clamp.hpp"
#include "vpnd/dataplane/messages.hpp"

namespace vpnd::dataplane {

inline bool is_tcp_syn(const tunio::IpPacket& packet) noexcept {
  constexpr std::size_t kFlagsOffset = 13;
  constexpr auto kSyn = std::byte{0x02};
  return packet.protocol() == tunio::kProtocolTcp && packet.has_transport() &&
         packet.transport().size() > kFlagsOffset &&
         (packet.transport()[kFlagsOffset] & kSyn) != std::byte{0};
}

/// Lowers the MSS of a SYN to what the peer's link carries. `bytes` are those that `packet` views.
inline void clamp_syn(const PeerSettings& settings, const tunio::IpPacket& packet, std::span<std::byte> bytes,
                      tunio::ChecksumState checksum) noexcept {
  const auto limit = packet.is_v4() ? settings.mss_limit_ipv4 : settings.mss_limit_ipv6;
  if (limit != 0 && is_tcp_syn(packet)) tunio::clamp_mss(bytes, limit, checksum);
}

}  // namespace vpnd::dataplane
