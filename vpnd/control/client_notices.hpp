// What management clients hear of a server's clients: >CLIENT and its environment.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "vpnd/host/script_command.hpp"
#include "vpnd/management/interface.hpp"

namespace vpnd::control {

class ClientNotices {
 public:
  enum class Occasion : std::uint8_t { first, renewal };
  enum class AddressKind : std::uint8_t { own, network_behind };

  /// `count`: how many clients are connected. Both outlive this.
  ClientNotices(management::Interface& management, std::function<std::size_t()> count)
      : management_(management), count_(std::move(count)) {}

  /// Whether they decide about clients (management-client-auth).
  bool decide() const noexcept { return management_.options().client_auth; }

  /// >CLIENT:CONNECT or REAUTH. The password is in there.
  void needs_decision(std::uint64_t client, std::uint32_t key, Occasion occasion,
                      const host::ScriptEnvironment& environment);
  void established(std::uint64_t client, const host::ScriptEnvironment& environment);
  void left(std::uint64_t client, const host::ScriptEnvironment& environment);
  void has_address(std::uint64_t client, std::string_view address, AddressKind kind);
  void answered_challenge(std::uint64_t client, std::uint32_t key, std::string_view response,
                          const host::ScriptEnvironment& environment);

 private:
  enum class Count : std::uint8_t { shown, left_out };
  void tell(const std::string& line, const host::ScriptEnvironment& environment, Count count);

  management::Interface& management_;
  std::function<std::size_t()> count_;
};

}  // namespace vpnd::control
