#include "vpnd/management/state.hpp"

#include <fmt/format.h>

namespace vpnd::management {

std::string_view name_of(State state) noexcept {
  switch (state) {
    case State::connecting:
      return "CONNECTING";
    case State::resolve:
      return "RESOLVE";
    case State::tcp_connect:
      return "TCP_CONNECT";
    case State::wait:
      return "WAIT";
    case State::auth:
      return "AUTH";
    case State::auth_pending:
      return "AUTH_PENDING";
    case State::get_config:
      return "GET_CONFIG";
    case State::assign_ip:
      return "ASSIGN_IP";
    case State::add_routes:
      return "ADD_ROUTES";
    case State::connected:
      return "CONNECTED";
    case State::reconnecting:
      return "RECONNECTING";
    case State::exiting:
      return "EXITING";
  }
  return "";
}

// IPv6 stands at the end, if at all.
std::string format_state(State state, const StateDetails& details) {
  return fmt::format("{},{},{},{},{},{},{}{}{}", name_of(state), details.text, details.local_ipv4,
                     details.remote_address, details.remote_port, details.local_address, details.local_port,
                     details.local_ipv6.empty() ? "" : ",", details.local_ipv6);
}

}  // namespace vpnd::management
