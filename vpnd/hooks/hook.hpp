// The moments of a daemon's life at which programs of the user are called.

#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace vpnd::hooks {

enum class Hook : std::uint8_t {
  up,
  down,
  route_up,
  route_pre_down,
  ip_change,
  tls_verify,
  client_connect,
  client_disconnect,
  learn_address,
  challenge_response,
  dns_updown,
};

/// The directive that names the program; also what the program finds in `script_type`.
std::string_view name(Hook hook);

/// How long the program may take before it is ended. OpenVPN waits for ever, and does nothing else meanwhile.
std::chrono::seconds patience(Hook hook);

}  // namespace vpnd::hooks
