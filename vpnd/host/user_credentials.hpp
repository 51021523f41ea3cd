// `auth-user-pass` and `askpass`: user name and password from a file or from whoever sits at the terminal.

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "crypto/secret.hpp"
#include "vpnd/host/change_result.hpp"

namespace vpnd::host {

struct Credentials {
  std::string username;
  std::optional<crypto::SecretString> password;  // none: the file has the user name only, ask for the rest
};

struct [[nodiscard]] CredentialsResult {
  ChangeResult result;
  Credentials credentials;
};

// Line 1 the user name, line 2 the password; both without their line ends, white space kept.
CredentialsResult read_credentials_file(const std::filesystem::path& path);
// The first line of a file: a passphrase (`askpass FILE`).
struct [[nodiscard]] PasswordResult {
  ChangeResult result;
  std::optional<crypto::SecretString> password;
};
PasswordResult read_password_file(const std::filesystem::path& path);

enum class Echo { on, off };

// Asks at the controlling terminal, or through systemd-ask-password when there is none and systemd runs the
// machine. Blocks. An error when there is nobody to ask.
PasswordResult ask(const std::string& prompt, Echo echo);

}  // namespace vpnd::host
