#pragma once

#include <string>

namespace vpnd::tunio {

/// Something this kernel (or the sandbox around us) allows or not.
struct Capability {
  bool available = false;
  std::string reason;  // why not; empty when available

  explicit operator bool() const noexcept { return available; }
};

/// Found by trying, not by reading version numbers: a container or a back-port makes those lie.
struct IoCapabilities {
  Capability io_uring;              // a ring can be made at all
  Capability defer_taskrun;         // SINGLE_ISSUER and DEFER_TASKRUN (Linux 6.1)
  Capability buffer_rings;          // provided-buffer rings (5.19)
  Capability multishot_recvmsg;     // (6.0)
  Capability multishot_read;        // (6.7)
  Capability udp_segment;           // UDP_SEGMENT socket option (4.18)
  Capability udp_gro;               // UDP_GRO socket option (5.0)
  Capability tun;                   // a tun device can be opened
  Capability tun_segmentation;      // TSO offloads on tun
  Capability tun_udp_segmentation;  // USO4 and USO6 on tun (6.2)

  /// What the io_uring engine cannot do without.
  bool uring_engine() const noexcept { return io_uring && buffer_rings && multishot_recvmsg; }
};

/// Tries everything; opens and closes descriptors of its own, and a tun device without name that vanishes
/// again.
IoCapabilities probe_io();

/// One line per capability: "multishot read: yes", "tun UDP segmentation: no (kernel refuses TUN_F_USO4)".
std::string describe(const IoCapabilities& capabilities);

}  // namespace vpnd::tunio
