// What hooks get to know of a tunnel.

#pragma once

#include <optional>
#include <string>

#include "vpnd/control/tunnel_plan.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::control {

/// dev, tun_mtu, ifconfig_*, route_*, foreign_option_n, …; what the server set (setenv-safe) goes first, so
/// that it cannot pose as anything else. `net_gateway` is the host's own way out.
void add_tunnel(host::ScriptEnvironment& environment, const TunnelPlan& plan, const std::string& device,
                const std::optional<tunio::IpAddress>& net_gateway);

}  // namespace vpnd::control
