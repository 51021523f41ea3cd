// Which of the kernel's and the CPU's means are used, and why others are not: the line in the log, and the
// report of `vpnd --capabilities`.

#pragma once

#include <string>

#include "tunio/io_probe.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/host/cpu_facts.hpp"

namespace vpnd::control {

/// What is to be had for the data path.
struct PathFacts {
  std::string event_loop;  ///< the one chosen, and why: "epoll, as configured"
  std::string tun_driver;  ///< "tun_batch", "tun (tun_batch: not loaded)"
  tunio::Capability tun_segmentation;
  tunio::Capability tun_udp_segmentation;
  tunio::Capability udp_segment;
  tunio::Capability udp_gro;
};

/// One line: "io_uring; tun_batch: TSO, no USO (the kernel …); UDP: GSO, no GRO (udp-gro off); batches: up to
/// …".
std::string describe_data_path(const config::BatchOptions& options, const PathFacts& facts);

/// What this machine offers.
struct Capabilities {
  std::string kernel;  ///< "Linux 6.1.0 x86_64"
  host::CpuFacts cpu;
  tunio::IoCapabilities io;
  std::string no_ipsec_mb;  ///< why intel-ipsec-mb cannot be used; empty if it can
  std::string ciphers;      ///< by which library data packets would be sealed
  unsigned workers = 1;     ///< as many as would run
};

/// Tries everything; a tun device appears and vanishes if we may make one.
Capabilities probe_capabilities(const config::Options& options);

/// Several lines, for people. Throws std::system_error for an event loop that was asked for and cannot be
/// had.
std::string capabilities_report(const config::BatchOptions& options, const Capabilities& capabilities);

}  // namespace vpnd::control
