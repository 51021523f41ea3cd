#include "vpnd/control/client_credentials.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {
namespace {

class ClientCredentialsTest : public testing::Test {
 protected:
  ClientCredentials& with(std::optional<std::string> username, std::optional<std::string> password) {
    config::Credentials configured;
    configured.username = std::move(username);
    if (password) configured.password.emplace(std::move(*password));
    configured.where = {"test.conf", 3};
    options.credentials = std::move(configured);
    credentials.emplace(options, [this](const std::string& prompt, host::Echo) -> host::PasswordResult {
      prompts.push_back(prompt);
      if (answers.empty())
        return {{std::make_error_code(std::errc::no_such_device_or_address), "no terminal"}, std::nullopt};
      const std::string answer = answers.front();
      answers.pop_front();
      return {{}, crypto::SecretString(std::string_view(answer))};
    });
    return *credentials;
  }
  std::string sent() {
    const proto::Credentials sent = credentials->for_session();
    return sent.username + ":" + std::string(sent.password.expose());
  }

  config::ClientOptions options;
  std::optional<ClientCredentials> credentials;
  std::deque<std::string> answers;
  std::vector<std::string> prompts;
};

TEST_F(ClientCredentialsTest, TakesWhatIsConfigured) {
  with("me", "secret").obtain();
  EXPECT_EQ(sent(), "me:secret");
  EXPECT_EQ(sent(), "me:secret");
  EXPECT_TRUE(prompts.empty());
}

TEST_F(ClientCredentialsTest, AsksForWhatIsNotAndKeepsTheAnswer) {
  answers = {"me", "typed"};
  with({}, {}).obtain();
  EXPECT_EQ(sent(), "me:typed");
  EXPECT_EQ(sent(), "me:typed");
  EXPECT_EQ(prompts.size(), 2U);
}

TEST_F(ClientCredentialsTest, AsksForThePasswordAlone) {
  answers = {"typed"};
  with("me", {}).obtain();
  EXPECT_EQ(sent(), "me:typed");
}

TEST_F(ClientCredentialsTest, NamesTheDirectiveWhenNobodyIsThereToAsk) {
  try {
    with("me", {}).obtain();
    FAIL();
  } catch (const config::ConfigError& error) {
    EXPECT_STREQ(error.what(), "test.conf:3: \"auth-user-pass\": no terminal");
  }
}

TEST_F(ClientCredentialsTest, AreEmptyWithoutAuthUserPass) {
  credentials.emplace(options, [](const std::string&, host::Echo) -> host::PasswordResult {
    ADD_FAILURE() << "asked";
    return {};
  });
  credentials->obtain();
  EXPECT_EQ(sent(), ":");
}

TEST_F(ClientCredentialsTest, AsksAgainForEachSessionWithAuthNocache) {
  options.forget_credentials = true;
  answers = {"first", "second"};
  with("me", {}).obtain();
  EXPECT_EQ(sent(), "me:first");
  EXPECT_EQ(sent(), "me:second");
}

TEST_F(ClientCredentialsTest, AsksAgainAfterARestartThatDoesNotKeepThem) {
  answers = {"first", "second"};
  with("me", {}).obtain();
  EXPECT_EQ(sent(), "me:first");
  credentials->forget();
  EXPECT_EQ(sent(), "me:second");
}

TEST_F(ClientCredentialsTest, AskTheStaticChallengeAndSendTheAnswerWithThePassword) {
  options.static_challenge = config::StaticChallenge{"PIN of the day"};
  answers = {"123456"};
  with("me", "secret").obtain();
  EXPECT_EQ(prompts, std::vector<std::string>{"CHALLENGE: PIN of the day"});
  EXPECT_EQ(sent(), "me:SCRV1:c2VjcmV0:MTIzNDU2");
}

TEST_F(ClientCredentialsTest, AppendTheAnswerWhereTheServerTakesItSo) {
  options.static_challenge = config::StaticChallenge{"PIN", true, config::ChallengeFormat::concatenated};
  answers = {"123456"};
  with("me", "secret").obtain();
  EXPECT_EQ(sent(), "me:secret123456");
}

TEST_F(ClientCredentialsTest, AnswerADynamicChallengeOnce) {
  with("me", "secret").obtain();
  answers = {"42"};
  credentials->answer({.echo = true, .response = true, .state = "S", .username = "cr1", .question = "PIN?"});
  EXPECT_EQ(prompts, std::vector<std::string>{"CHALLENGE: PIN?"});
  EXPECT_EQ(sent(), "cr1:CRV1::S::42");
  EXPECT_EQ(sent(), "me:secret");
}

TEST_F(ClientCredentialsTest, ShowTheTokenInsteadOfThePasswordUntilItIsRefused) {
  with("me", "once").obtain();
  EXPECT_FALSE(credentials->drop_token());
  credentials->take_token(crypto::SecretString(std::string_view("SESS_ID_1")), std::nullopt);
  EXPECT_EQ(sent(), "me:SESS_ID_1");
  credentials->take_token(crypto::SecretString(std::string_view("SESS_ID_2")), "token-user");
  EXPECT_EQ(sent(), "token-user:SESS_ID_2");
  EXPECT_EQ(credentials->token().password.expose(), "SESS_ID_2");
  credentials->take_token(crypto::SecretString(std::string_view("SESS_ID_3")), std::nullopt);
  EXPECT_EQ(sent(), "token-user:SESS_ID_3");
  EXPECT_TRUE(credentials->drop_token());
  EXPECT_EQ(sent(), "me:once");
}

}  // namespace
}  // namespace vpnd::control
