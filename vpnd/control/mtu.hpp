// From the size of the outer packet to the largest TCP segment inside: what `mssfix` asks for, by transport.

#pragma once

#include <cstdint>

#include "tunio/ip_address.hpp"
#include "vpnd/config/transport_options.hpp"
#include "vpnd/dataplane/messages.hpp"

namespace vpnd::control {

/// What stands around an inner packet on this link.
struct Encapsulation {
  tunio::IpFamily outer_family = tunio::IpFamily::v4;
  config::Transport transport = config::Transport::udp;
  std::size_t record_overhead = 0;  ///< header, packet id and tag of a data packet, and compression framing
  std::size_t proxy_header = 0;     ///< in front of each datagram (socks_relay.hpp)
};

struct MssLimits {
  std::uint16_t ipv4 = 0;  ///< 0: segments are left as they come
  std::uint16_t ipv6 = 0;
};

/// The limits for SYNs of inner connections, so that their segments fit `mssfix` and `link_mtu` (if set).
MssLimits mss_limits(const config::LinkOptions& link, const Encapsulation& encapsulation);

/// The largest body of a record of the batch channel: what is left of a datagram of `link-mtu` (1500 if it is
/// not set), or of the largest frame of a stream.
std::size_t batch_body_size(const config::LinkOptions& link, const Encapsulation& encapsulation);

/// Enters what the size of the link means for a peer: limits of MSS, and for the batch channel the record
/// size. Inner packets of the batch channel may be of any size, so only an `mssfix` other than the default
/// limits them.
void apply_link_limits(const config::LinkOptions& link, const Encapsulation& encapsulation, bool batches,
                       dataplane::PeerSettings& settings);

/// What a data packet of OpenVPN's formats is larger than its payload.
std::size_t packet_overhead(bool epoch_format) noexcept;

}  // namespace vpnd::control
