#include "vpnd/control/client_credentials.hpp"

#include <utility>

#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {

crypto::SecretString ClientCredentials::ask_for(const std::string& prompt, host::Echo echo) const {
  auto result = ask_(prompt, echo);
  if (!result.result.ok())
    throw config::ConfigError({options_.credentials->where, "auth-user-pass", result.result.reason});
  return std::move(*result.password);
}

void ClientCredentials::obtain() {
  const auto& configured = options_.credentials;
  if (!configured) return;
  username_ = configured->username ? *configured->username
                                   : std::string(ask_for("Enter Auth Username:", host::Echo::on).expose());
  password_ = configured->password ? crypto::SecretString(std::string_view(configured->password->expose()))
                                   : ask_for("Enter Auth Password:", host::Echo::off);
  known_ = true;
  const auto& challenge = options_.static_challenge;
  if (!challenge) return;
  const auto response =
      ask_for("CHALLENGE: " + challenge->question, challenge->echo ? host::Echo::on : host::Echo::off);
  password_ = challenge->format == config::ChallengeFormat::scrv1
                  ? management::static_response(password_.expose(), response.expose())
                  : crypto::SecretString(std::string(password_.expose()) + std::string(response.expose()));
}

void ClientCredentials::answer(const management::DynamicChallenge& challenge) {
  if (!options_.credentials) return;
  const auto response =
      ask_for("CHALLENGE: " + challenge.question, challenge.echo ? host::Echo::on : host::Echo::off);
  response_ =
      proto::Credentials{challenge.username, management::dynamic_response(challenge, response.expose())};
}

proto::Credentials ClientCredentials::for_session() {
  if (response_) return *std::exchange(response_, std::nullopt);
  if (token_) return token();
  if (options_.credentials && !known_) obtain();
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
  known_ = false;
}

bool ClientCredentials::missing() const {
  const auto& configured = options_.credentials;
  if (!configured || token_ || response_ || known_) return false;
  return !configured->username || !configured->password || options_.static_challenge;
}

void ClientCredentials::set(std::string&& username, crypto::SecretString&& password) {
  username_ = username.empty() ? options_.credentials->username.value_or("") : std::move(username);
  password_ = std::move(password);
  known_ = true;
}

}  // namespace vpnd::control
