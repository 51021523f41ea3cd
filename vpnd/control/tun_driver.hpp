// From the configuration's tun driver to tunio's.

#pragma once

#include <cstdlib>

#include "tunio/tun_device.hpp"
#include "vpnd/config/tunnel_options.hpp"

namespace vpnd::control {

inline tunio::TunDriver tun_driver(const config::TunnelOptions& options) {
  switch (options.driver) {
    case config::TunDriver::automatic:
      return tunio::TunDriver::automatic;
    case config::TunDriver::tun:
      return tunio::TunDriver::tun;
    case config::TunDriver::tun_batch:
      return tunio::TunDriver::tun_batch;
  }
  std::abort();
}

}  // namespace vpnd::control
