// The states that a daemon goes through, as management clients read them.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vpnd::management {

enum class State : std::uint8_t {
  connecting,
  resolve,
  tcp_connect,
  wait,
  auth,
  auth_pending,
  get_config,
  assign_ip,
  add_routes,
  connected,
  reconnecting,
  exiting,
};

/// "CONNECTING" and so on.
std::string_view name_of(State state) noexcept;

/// What goes with a state. Empty where it is not known or does not matter.
struct StateDetails {
  std::string text;        ///< the reason, mostly
  std::string local_ipv4;  ///< inside the tunnel
  std::string local_ipv6;
  std::string remote_address;  ///< of the server
  std::string remote_port;
  std::string local_address;  ///< outside the tunnel; empty where the kernel chooses it for each datagram
  std::string local_port;
};

/// "CONNECTED,SUCCESS,10.8.0.2,192.0.2.1,1194,,", as it follows the time.
std::string format_state(State state, const StateDetails& details);

}  // namespace vpnd::management
