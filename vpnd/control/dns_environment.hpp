// DNS settings, as they were configured or pushed, in the variables of OpenVPN 2.7's dns-updown.

#pragma once

#include <string>
#include <vector>

#include "vpnd/host/script_command.hpp"

namespace vpnd::control {

/// `options` are texts such as "dhcp-option DNS 10.8.0.1" and "dns server 1 address 10.8.0.1", checked
/// before. Those of the older form count only where the newer one names no server. Without any server there
/// are no variables at all.
host::ScriptEnvironment dns_environment(const std::vector<std::string>& options);

}  // namespace vpnd::control
