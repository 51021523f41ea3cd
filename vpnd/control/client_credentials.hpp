// What a client shows of itself beside its certificate: user name and password, or the token that the server
// gave it in their place.

#pragma once

#include <functional>
#include <optional>
#include <string>

#include "crypto/secret.hpp"
#include "proto/session_config.hpp"
#include "vpnd/config/role_options.hpp"
#include "vpnd/host/user_credentials.hpp"
#include "vpnd/management/challenge.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class ClientCredentials {
 public:
  /// Asks whoever sits at the terminal; tests answer themselves.
  using Ask = std::function<host::PasswordResult(const std::string& prompt, host::Echo echo)>;

  /// Borrows the options. Without auth-user-pass there are no credentials, and nobody is asked.
  explicit ClientCredentials(const config::ClientOptions& options, Ask ask = host::ask)
      : options_(options), ask_(std::move(ask)) {}

  /// Takes name and password from the configuration, and asks for what is not there; may block. Throws
  /// config::ConfigError when there is nobody to ask.
  void obtain();

  /// What a new session begins with: the token if there is one. With auth-nocache our copy of the password
  /// goes with it, and is obtained again when the next session needs one. Throws as obtain() does.
  proto::Credentials for_session();

  /// Whether obtain() would have to ask somebody.
  bool missing() const;
  const std::optional<std::string>& configured_name() const { return options_.credentials->username; }
  /// They were given by somebody else than the terminal. An empty name: the configured one.
  void set(std::string&& username, crypto::SecretString&& password);

  /// The server has given a token, which counts instead of the password from now on, and maybe another name
  /// to go with it.
  void take_token(crypto::SecretString&& token, const std::optional<std::string>& username);
  /// What the next rekey sends. Only with a token.
  proto::Credentials token() const;
  /// The token was refused. False if there was none, so that it was the password that is wrong.
  bool drop_token();

  /// Asks what the server wants to know; the answer goes instead of the password with the next session, once.
  /// Throws as obtain() does.
  void answer(const management::DynamicChallenge& challenge);

  /// Forgets the password; the next session obtains it anew.
  void forget();

 private:
  crypto::SecretString ask_for(const std::string& prompt, host::Echo echo) const;

  struct Token {
    std::string username;
    crypto::SecretString text;
  };

  const config::ClientOptions& options_;
  const Ask ask_;
  std::string username_;
  crypto::SecretString password_;
  bool known_ = false;  // also of an empty password
  std::optional<Token> token_;
  std::optional<proto::Credentials> response_;  // to a dynamic challenge
};

}  // namespace vpnd::control
