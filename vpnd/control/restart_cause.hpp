// Why a client starts over, by the words that OpenVPN has for it.

#pragma once

#include <cstdint>
#include <string_view>

namespace vpnd::control {

enum class RestartCause : std::uint8_t {
  signal,
  silence,
  auth_failed,
  connection_reset,
  server_asks,
  server_left,
  no_answer,
  initialisation,
  tls_error,
};

/// As the state RECONNECTING has it (OpenVPN's doc/management-notes.txt).
constexpr std::string_view word_of(RestartCause cause) noexcept {
  switch (cause) {
    case RestartCause::signal:
      return "SIGUSR1";
    case RestartCause::silence:
      return "ping-restart";
    case RestartCause::auth_failed:
      return "auth-failure";
    case RestartCause::connection_reset:
      return "connection-reset";
    case RestartCause::server_asks:
      return "server-pushed-connection-reset";
    case RestartCause::server_left:
      return "remote-exit";
    case RestartCause::no_answer:
      return "server_poll";
    case RestartCause::initialisation:
      return "init_instance";
    case RestartCause::tls_error:
      break;
  }
  return "tls-error";
}

/// As hooks have it, in the variable `signal`.
constexpr std::string_view hook_word_of(RestartCause cause) noexcept {
  return cause == RestartCause::signal ? "sigusr1" : word_of(cause);
}

}  // namespace vpnd::control
