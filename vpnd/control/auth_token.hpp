// `auth-gen-token`: the token that a client shows instead of its password when keys are renewed and when it
// connects anew (docs/protocol.md §14). The server keeps nothing of it; its HMAC says that it is ours.
//
//   SESS_ID_AT_ base64( session id 12 | first issued 8 | issued 8 | HMAC-SHA256 32 )
//
// The HMAC covers the user name and what stands in front of it. Session id and first time stay the same
// through all tokens of a session.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/mac.hpp"
#include "crypto/secret.hpp"
#include "proto/time.hpp"
#include "vpnd/config/role_options.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::control {

/// What all tokens of one session have in common: its id and when the first was issued, as in the token.
struct TokenOrigin {
  std::array<std::byte, 20> bytes{};

  bool operator==(const TokenOrigin&) const = default;
};

/// Makes tokens and checks them. Shared by all clients; immutable after construction.
class AuthTokenIssuer {
 public:
  enum class Validity : std::uint8_t { invalid, valid, expired };
  enum class IssuedFor : std::uint8_t { this_user, nobody };  // nobody: the user name is not vouched for

  struct Finding {
    Validity validity = Validity::invalid;
    IssuedFor user = IssuedFor::this_user;
    TokenOrigin origin;  ///< unless invalid
  };

  /// Without a secret in the options the key is a random one. `renewal`: after how long a client gets a new
  /// token; a token is good for twice as long, or for ever if it is zero. Throws config::ConfigError for a
  /// secret that is none.
  AuthTokenIssuer(const config::AuthTokenOptions& options, std::chrono::seconds renewal);

  /// By prefix and length. A password of this form is taken for nothing else.
  static bool is_token(std::string_view password) noexcept;

  Finding check(std::string_view token, std::string_view username, std::int64_t unix_now) const;
  /// Absent origin: the first one of a session, which is then set.
  crypto::SecretString issue(std::string_view username, std::int64_t unix_now,
                             std::optional<TokenOrigin>& origin) const;

  std::chrono::seconds renewal() const noexcept { return renewal_; }
  /// Whether the password script has the last word about tokens too.
  bool external_auth() const noexcept { return external_auth_; }

 private:
  using Tag = std::array<std::byte, 32>;
  Tag tag(std::string_view username, std::span<const std::byte> claims) const;

  crypto::Hmac hmac_;
  std::chrono::seconds lifetime_;
  std::chrono::seconds renewal_;
  bool external_auth_;
};

/// One client's tokens. Belongs to the control thread.
class ClientToken {
 public:
  enum class Verdict : std::uint8_t {
    not_judged,  ///< it is a password, or the script has to decide
    accepted,
    refused
  };
  struct Judgement {
    Verdict verdict = Verdict::not_judged;
    std::string reason;  ///< of a refusal, for the client to read; may be empty
  };

  /// Without an issuer nothing is ever a token, and none is given.
  explicit ClientToken(const AuthTokenIssuer* issuer) noexcept : issuer_(issuer) {}

  /// What a client has sent as its password, at each of its handshakes.
  Judgement judge(std::string_view username, std::string_view password, proto::Now now);
  /// `session_id` and `session_state` for the password script.
  void describe(host::ScriptEnvironment& environment) const;
  /// The client has authenticated itself: it is given a new token.
  void renew(proto::Now now);
  /// Whether the token given last should be replaced by now.
  bool due(proto::TimePoint now) const noexcept;
  /// "auth-token …" as it is pushed; empty: there is none.
  std::string push_option() const;

 private:
  const AuthTokenIssuer* issuer_;
  std::string username_;
  bool user_unknown_ = false;  // the token shown was for nobody
  std::string state_;          // for the script
  std::optional<TokenOrigin> origin_;
  crypto::SecretString token_;  // given last
  std::optional<proto::TimePoint> given_;
};

}  // namespace vpnd::control
