#include "vpnd/control/client_notices.hpp"

#include <fmt/format.h>

namespace vpnd::control {

void ClientNotices::tell(const std::string& line, const host::ScriptEnvironment& environment, Count count) {
  std::vector<std::string> variables;
  if (count == Count::shown) variables.push_back(fmt::format("n_clients={}", count_()));
  for (const auto& [name, value] : environment.variables())
    variables.push_back(fmt::format("{}={}", name, value));
  management_.notify(line, "CLIENT", variables);
  for (std::string& variable : variables) crypto::wipe(variable);
}

void ClientNotices::needs_decision(std::uint64_t client, std::uint32_t key, Occasion occasion,
                                   const host::ScriptEnvironment& environment) {
  tell(fmt::format(">CLIENT:{},{},{}", occasion == Occasion::first ? "CONNECT" : "REAUTH", client, key),
       environment, Count::shown);
}

void ClientNotices::established(std::uint64_t client, const host::ScriptEnvironment& environment) {
  tell(fmt::format(">CLIENT:ESTABLISHED,{}", client), environment, Count::shown);
}

void ClientNotices::left(std::uint64_t client, const host::ScriptEnvironment& environment) {
  tell(fmt::format(">CLIENT:DISCONNECT,{}", client), environment, Count::left_out);
}

void ClientNotices::has_address(std::uint64_t client, std::string_view address, AddressKind kind) {
  management_.notify(
      fmt::format(">CLIENT:ADDRESS,{},{},{}", client, address, kind == AddressKind::own ? 1 : 0));
}

void ClientNotices::answered_challenge(std::uint64_t client, std::uint32_t key, std::string_view response,
                                       const host::ScriptEnvironment& environment) {
  tell(fmt::format(">CLIENT:CR_RESPONSE,{},{},{}", client, key, response), environment, Count::shown);
}

}  // namespace vpnd::control
