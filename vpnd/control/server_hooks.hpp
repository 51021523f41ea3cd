// The hooks of a server that concern its clients.

#pragma once

#include <asio/io_context.hpp>
#include <optional>
#include <string_view>

#include "vpnd/config/options.hpp"
#include "vpnd/control/certificate_check.hpp"
#include "vpnd/control/connect_hook.hpp"
#include "vpnd/control/learn_address.hpp"
#include "vpnd/hooks/hook_runner.hpp"

namespace vpnd::control {

/// Belongs to the control thread. What it is made of outlives it.
class ServerHooks {
 public:
  ServerHooks(asio::io_context& context, const config::Options& options, hooks::HookRunner& runner);

  /// What every hook finds: the process, and the tunnel once it is up.
  const host::ScriptEnvironment& base() const noexcept { return base_; }
  void set_base(const host::ScriptEnvironment& environment) { base_ = environment; }

  // Null: no program is configured.
  CertificateCheck* certificates() noexcept { return certificates_ ? &*certificates_ : nullptr; }
  ConnectHook* connect() noexcept { return connect_ ? &*connect_ : nullptr; }
  LearnAddress* addresses() noexcept { return addresses_ ? &*addresses_ : nullptr; }

  /// A client that had been let in has left.
  void client_left(const host::ScriptEnvironment& environment);
  /// A client answers a challenge that a program has put to it; in base64, as it came.
  void challenge_answered(const host::ScriptEnvironment& environment, std::string_view response);

 private:
  const config::Options& options_;
  hooks::HookRunner& runner_;
  host::ScriptEnvironment base_;
  std::optional<CertificateCheck> certificates_;
  std::optional<ConnectHook> connect_;
  std::optional<LearnAddress> addresses_;
};

}  // namespace vpnd::control
