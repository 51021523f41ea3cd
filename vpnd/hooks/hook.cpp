#include "vpnd/hooks/hook.hpp"

namespace vpnd::hooks {

std::string_view name(Hook hook) {
  switch (hook) {
    case Hook::up:
      return "up";
    case Hook::down:
      return "down";
    case Hook::route_up:
      return "route-up";
    case Hook::route_pre_down:
      return "route-pre-down";
    case Hook::ip_change:
      return "ipchange";
    case Hook::tls_verify:
      return "tls-verify";
    case Hook::client_connect:
      return "client-connect";
    case Hook::client_disconnect:
      return "client-disconnect";
    case Hook::learn_address:
      return "learn-address";
    case Hook::challenge_response:
      return "client-crresponse";
    case Hook::dns_updown:
      return "dns-updown";
  }
  return "";
}

std::chrono::seconds patience(Hook) {
  return std::chrono::seconds{60};
}

}  // namespace vpnd::hooks
