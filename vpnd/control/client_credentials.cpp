#include "vpnd/control/client_credentials.hpp"

#include <utility>

#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {

void ClientCredentials::obtain() {
  const auto& configured = options_.credentials;
  if (!configured) return;
  const auto answer = [&](const std::string& prompt, host::Echo echo) {
    auto result = ask_(prompt, echo);
    if (!result.result.ok())
      throw config::ConfigError({configured->where, "auth-user-pass", result.result.reason});
    return std::move(*result.password);
  };
  username_ = configured->username ? *configured->username
                                   : std::string(answer("Enter Auth Username:", host::Echo::on).expose());
  password_ = configured->password ? crypto::SecretString(std::string_view(configured->password->expose()))
                                   : answer("Enter Auth Password:", host::Echo::off);
}

proto::Credentials ClientCredentials::for_session() {
  if (token_) return token();
  if (options_.credentials && password_.empty()) obtain();
  proto::Credentials credentials{username_, password_.duplicate()};
  if (options_.forget_credentials) forget();
  return credentials;
}

void ClientCredentials::take_token(crypto::SecretString&& token, const std::optional<std::string>& username) {
  if (username) {
    token_ = Token{*username, std::move(token)};
  } else {
    token_ = Token{token_ ? token_->username : username_, std::move(token)};
  }
}

proto::Credentials ClientCredentials::token() const {
  return {token_->username, token_->text.duplicate()};
}

bool ClientCredentials::drop_token() {
  return std::exchange(token_, std::nullopt).has_value();
}

void ClientCredentials::forget() {
  password_.clear();
}

}  // namespace vpnd::control
