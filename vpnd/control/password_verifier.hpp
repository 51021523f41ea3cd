// `auth-user-pass-verify`: asks a script whether a user name and password are right, out of process.

#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "crypto/secret.hpp"
#include "vpnd/config/role_options.hpp"
#include "vpnd/control/script_runner.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class PasswordVerifier {
 public:
  enum class Verdict { right, wrong };

  PasswordVerifier(config::PasswordVerifier settings, std::filesystem::path temporary_directory,
                   ScriptRunner& scripts)
      : settings_(std::move(settings)), temporary_(std::move(temporary_directory)), scripts_(scripts) {}

  /// `environment` holds what is known of the client; the password is added only for `via-env`. `decided` is
  /// called later, once.
  void verify(const std::string& username, const crypto::SecretString& password,
              host::ScriptEnvironment environment, std::function<void(Verdict)> decided);

 private:
  config::PasswordVerifier settings_;
  std::filesystem::path temporary_;
  ScriptRunner& scripts_;
};

}  // namespace vpnd::control
