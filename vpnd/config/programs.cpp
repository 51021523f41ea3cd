#include "vpnd/config/programs.hpp"

namespace vpnd::config {

std::vector<NamedProgram> programs(const Options& options) {
  const ScriptOptions& scripts = options.scripts;
  const std::pair<std::string_view, const std::optional<Command>*> known[] = {
      {"up", &scripts.up},
      {"down", &scripts.down},
      {"route-up", &scripts.route_up},
      {"route-pre-down", &scripts.route_pre_down},
      {"dns-updown", &scripts.dns_updown},
      {"ipchange", &scripts.ip_change},
      {"tls-verify", &scripts.tls_verify},
      {"client-connect", &scripts.client_connect},
      {"client-disconnect", &scripts.client_disconnect},
      {"learn-address", &scripts.learn_address},
      {"client-crresponse", &scripts.challenge_response},
      {"tls-crypt-v2-verify", &options.server.client_key_verifier},
  };
  std::vector<NamedProgram> named;
  for (const auto& [directive, command] : known)
    if (*command) named.push_back({directive, &**command});
  if (const auto& verifier = options.server.password_verifier)
    named.push_back({"auth-user-pass-verify", &verifier->command});
  return named;
}

}  // namespace vpnd::config
