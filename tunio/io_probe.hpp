#pragma once

#include <string>

#include "tunio/tun_device.hpp"

namespace vpnd::tunio {

/// Something this kernel (or the sandbox around us) allows or not.
struct Capability {
  bool available = false;
  std::string reason;  // why not; empty when available

  explicit operator bool() const noexcept { return available; }
};

/// Found by trying, not by reading version numbers: a container or a back-port makes those lie.
struct IoCapabilities {
  Capability io_uring;              // a ring with SINGLE_ISSUER and DEFER_TASKRUN can be made (Linux 6.1)
  Capability buffer_rings;          // provided-buffer rings (5.19)
  Capability multishot_recvmsg;     // (6.0)
  Capability multishot_read;        // (6.7)
  Capability udp_segment;           // UDP_SEGMENT socket option (4.18)
  Capability udp_gro;               // UDP_GRO socket option (5.0)
  Capability tun;                   // a tun device can be opened
  Capability tun_batch;             // the batching driver is loaded and we may open it (kmod-tun-batch)
  Capability tun_segmentation;      // TSO offloads on tun
  Capability tun_udp_segmentation;  // USO4 and USO6 on tun (6.2)

  /// Which driver a tun device would have: "tun_batch", "tun (tun_batch: not loaded)"; empty if none can be
  /// opened.
  std::string tun_driver;

  /// What the io_uring engine cannot do without: the first of it that is missing, or nullptr.
  const Capability* missing_for_uring() const noexcept;
};

/// Only io_uring and what belongs to it: what make_batch_io() asks.
IoCapabilities probe_uring();

/// Only what UDP sockets can do.
IoCapabilities probe_udp();

/// Tries everything; opens and closes descriptors of its own, and a tun device that vanishes again.
IoCapabilities probe_io(TunDriver driver = TunDriver::automatic);

/// One line per capability: "io_uring multishot read: yes", "tun: no (…)".
std::string describe(const IoCapabilities& capabilities);

}  // namespace vpnd::tunio
