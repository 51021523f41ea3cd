// What the workers of a client and of a server have in common.

#pragma once

#include "tunio/unique_fd.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/tunnel_device.hpp"
#include "vpnd/dataplane/worker.hpp"

namespace vpnd::control {

/// For one queue of the device and its socket, which may be empty; the role is the caller's to add.
dataplane::WorkerConfig worker_config(const config::Options& options, const TunnelDevice& device,
                                      tunio::UniqueFd queue, tunio::UniqueFd udp);

}  // namespace vpnd::control
