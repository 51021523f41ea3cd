#include "vpnd/control/auth_token.hpp"

#include <gtest/gtest.h>

#include "crypto/auth_token_key.hpp"
#include "vpnd/config/base64.hpp"
#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {
namespace {

using Validity = AuthTokenIssuer::Validity;

constexpr std::int64_t kStart = 1'700'000'000;

// Bytes 0 to 127, and what OpenVPN's layout makes of them.
constexpr auto kSecret =
    "-----BEGIN OpenVPN auth-token server key-----\n"
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\n"
    "MDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5f\n"
    "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=\n"
    "-----END OpenVPN auth-token server key-----\n";

config::AuthTokenOptions with_secret(std::string text) {
  config::AuthTokenOptions options;
  options.secret = config::Material{"token.key", config::SensitiveText(std::move(text)), {"test.conf", 3}};
  return options;
}

struct AuthTokenTest : testing::Test {
  config::AuthTokenOptions options = with_secret(kSecret);
  std::optional<TokenOrigin> origin;

  AuthTokenIssuer issuer(std::chrono::seconds renewal = std::chrono::seconds(60)) const {
    return AuthTokenIssuer(options, renewal);
  }
  static proto::Now at(std::int64_t seconds) {
    return {proto::TimePoint(std::chrono::seconds(seconds)), static_cast<std::uint32_t>(kStart + seconds)};
  }
};

TEST_F(AuthTokenTest, HasThePrefixAndTheLengthOfStock) {
  const auto token = issuer().issue("alice", kStart, origin);
  EXPECT_EQ(token.expose().size(), 91U);
  EXPECT_TRUE(token.expose().starts_with("SESS_ID_AT_"));
  EXPECT_TRUE(AuthTokenIssuer::is_token(token.expose()));
}

// Made with Python's hmac out of the layout in docs/protocol.md §14: session id 12 times 0x11, both times
// 1700000000, user "alice".
TEST_F(AuthTokenTest, IsTheKnownToken) {
  constexpr auto kKnown =
      "SESS_ID_AT_ERERERERERERERERAAAAAGVT8QAAAAAAZVPxAK17TdNOnGjLv"
      "g0M0bDCC8uIAugj5Gc26KgMR1bB1Iqp";
  const auto found = issuer().check(kKnown, "alice", kStart);
  EXPECT_EQ(found.validity, Validity::valid);
  EXPECT_EQ(found.origin.bytes[0], std::byte{0x11});
}

TEST_F(AuthTokenTest, CountsForItsUserAlone) {
  const auto token = issuer().issue("alice", kStart, origin);
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart + 1).validity, Validity::valid);
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart + 1).origin, *origin);
  EXPECT_EQ(issuer().check(token.expose(), "mallory", kStart + 1).validity, Validity::invalid);
}

TEST_F(AuthTokenTest, OfNobodyIsToldApart) {
  const auto token = issuer().issue("", kStart, origin);
  const auto found = issuer().check(token.expose(), "alice", kStart);
  EXPECT_EQ(found.validity, Validity::valid);
  EXPECT_EQ(found.user, AuthTokenIssuer::IssuedFor::nobody);
}

TEST_F(AuthTokenTest, IsInvalidWithAnyByteChanged) {
  const auto token = issuer().issue("alice", kStart, origin);
  for (std::size_t i = 0; i < token.expose().size(); ++i) {
    std::string other(token.expose());
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(issuer().check(other, "alice", kStart).validity, Validity::invalid) << "byte " << i;
  }
}

// CVE-2026-13122: the right prefix with a wrong length.
TEST_F(AuthTokenTest, OfAnyOtherLengthIsNone) {
  const auto token = issuer().issue("alice", kStart, origin);
  const std::string text(token.expose());
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(AuthTokenIssuer::is_token(text.substr(0, size)));
    EXPECT_EQ(issuer().check(text.substr(0, size), "alice", kStart).validity, Validity::invalid);
  }
  EXPECT_EQ(issuer().check(text + "AAAA", "alice", kStart).validity, Validity::invalid);
  EXPECT_EQ(issuer().check("SESS_ID_AT_" + std::string(80, '='), "alice", kStart).validity,
            Validity::invalid);
}

TEST_F(AuthTokenTest, ExpiresAfterTwiceTheRenewal) {
  const auto token = issuer().issue("alice", kStart, origin);
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart + 119).validity, Validity::valid);
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart + 120).validity, Validity::expired);
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart - 1).validity, Validity::expired);
  const auto without_renewal = issuer(std::chrono::seconds(0));
  EXPECT_EQ(without_renewal.check(token.expose(), "alice", kStart + 100000).validity, Validity::valid);
}

TEST_F(AuthTokenTest, ExpiresWithTheLifetimeOfItsSession) {
  options.lifetime = std::chrono::seconds(100);
  (void)issuer().issue("alice", kStart, origin);
  const auto later = issuer().issue("alice", kStart + 90, origin);
  EXPECT_EQ(issuer().check(later.expose(), "alice", kStart + 100).validity, Validity::valid);
  EXPECT_EQ(issuer().check(later.expose(), "alice", kStart + 101).validity, Validity::expired);
}

TEST_F(AuthTokenTest, OfAnotherKeyIsInvalid) {
  const auto token = issuer().issue("alice", kStart, origin);
  options.secret.reset();
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart).validity, Validity::invalid);
}

TEST_F(AuthTokenTest, NeedsASecretThatIsOne) {
  options = with_secret("-----BEGIN OpenVPN tls-crypt-v2 server key-----\n");
  EXPECT_THROW(issuer(), config::ConfigError);
}

TEST_F(AuthTokenTest, KeyReadsWhatItWrites) {
  const auto text = crypto::AuthTokenKey::generate().format();
  options = with_secret(std::string(text.expose()));
  const auto token = issuer().issue("alice", kStart, origin);
  EXPECT_EQ(issuer().check(token.expose(), "alice", kStart).validity, Validity::valid);
}

// ---- a client's tokens ----

TEST_F(AuthTokenTest, IsGivenForAPasswordAndTakenInItsPlace) {
  const auto maker = issuer();
  ClientToken client(&maker);
  EXPECT_EQ(client.judge("alice", "secret", at(0)).verdict, ClientToken::Verdict::not_judged);
  EXPECT_EQ(client.push_option(), "");
  client.renew(at(0));
  const std::string option = client.push_option();
  ASSERT_TRUE(option.starts_with("auth-token SESS_ID_AT_"));
  const std::string token = option.substr(11);
  EXPECT_EQ(client.judge("alice", token, at(30)).verdict, ClientToken::Verdict::accepted);
  client.renew(at(30));
  EXPECT_NE(client.push_option(), option);

  ClientToken after_restart(&maker);
  EXPECT_EQ(after_restart.judge("alice", token, at(31)).verdict, ClientToken::Verdict::accepted);
}

TEST_F(AuthTokenTest, OfAnotherSessionIsRefused) {
  const auto maker = issuer();
  ClientToken client(&maker), other(&maker);
  for (ClientToken* each : {&client, &other}) {
    (void)each->judge("alice", "secret", at(0));
    each->renew(at(0));
  }
  EXPECT_EQ(client.judge("alice", other.push_option().substr(11), at(1)).verdict,
            ClientToken::Verdict::refused);
}

TEST_F(AuthTokenTest, ThatExpiredIsRefusedWithTheWordThatMakesClientsTryAgain) {
  const auto maker = issuer();
  ClientToken client(&maker);
  (void)client.judge("alice", "secret", at(0));
  client.renew(at(0));
  const auto judgement = client.judge("alice", client.push_option().substr(11), at(120));
  EXPECT_EQ(judgement.verdict, ClientToken::Verdict::refused);
  EXPECT_EQ(judgement.reason, "SESSION: token expired");
  EXPECT_EQ(client.push_option(), "");
}

TEST_F(AuthTokenTest, IsDueAfterItsRenewal) {
  const auto maker = issuer();
  ClientToken client(&maker);
  (void)client.judge("alice", "secret", at(0));
  EXPECT_FALSE(client.due(at(1000).steady));
  client.renew(at(0));
  EXPECT_FALSE(client.due(at(59).steady));
  EXPECT_TRUE(client.due(at(60).steady));
}

TEST_F(AuthTokenTest, IsLeftToTheScriptWithExternalAuth) {
  options.external_auth = true;
  const auto maker = issuer();
  const auto state = [](const ClientToken& client) {
    host::ScriptEnvironment environment;
    client.describe(environment);
    return environment.variables().at("session_state");
  };
  ClientToken client(&maker);
  (void)client.judge("alice", "secret", at(0));
  EXPECT_EQ(state(client), "Initial");
  client.renew(at(0));
  const std::string token = client.push_option().substr(11);
  EXPECT_EQ(client.judge("alice", token, at(1)).verdict, ClientToken::Verdict::not_judged);
  EXPECT_EQ(state(client), "Authenticated");
  host::ScriptEnvironment environment;
  client.describe(environment);
  EXPECT_EQ(environment.variables().at("session_id"), token.substr(11, 16));
  (void)client.judge("alice", token, at(120));
  EXPECT_EQ(state(client), "Expired");
  (void)client.judge("mallory", token, at(1));
  EXPECT_EQ(state(client), "Invalid");
}

TEST_F(AuthTokenTest, IsNeverGivenWithoutTheDirective) {
  ClientToken client(nullptr);
  EXPECT_EQ(client.judge("alice", "secret", at(0)).verdict, ClientToken::Verdict::not_judged);
  client.renew(at(0));
  EXPECT_EQ(client.push_option(), "");
}

}  // namespace
}  // namespace vpnd::control
