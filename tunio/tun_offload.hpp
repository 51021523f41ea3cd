#pragma once

namespace vpnd::tunio {

// TUN_F_* of <linux/if_tun.h>; the USO pair (Linux 6.2) is missing from Debian 12's headers. TSO_ECN is not
// asked for: packets with CWR then come cut, and no super-packet needs the rule "CWR on the first segment
// only".
inline constexpr unsigned kTunTcpOffloads = 0x01 | 0x02 | 0x04;  // CSUM, TSO4, TSO6
inline constexpr unsigned kTunUdpOffloads = 0x20 | 0x40;         // USO4, USO6: only both, and only with CSUM

/// TUNSETOFFLOAD; false when the kernel refuses (EINVAL for a bit it does not know).
bool set_tun_offload(int fd, unsigned offload) noexcept;

}  // namespace vpnd::tunio
