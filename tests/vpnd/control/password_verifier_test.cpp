#include "vpnd/control/password_verifier.hpp"

#include <optional>
#include <vector>

#include "tests/vpnd/control/script_fixture.hpp"

namespace vpnd::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Verdict = PasswordVerifier::Verdict;

class PasswordVerifierTest : public test::ScriptFixture {
 protected:
  // Asks a script of this body; the answer comes by and by.
  void ask(const std::string& body, milliseconds patience = minutes(5)) {
    config::PasswordVerifier settings;
    settings.command.words = {script("verify", body)};
    settings.transfer = transfer;
    verifier.emplace(io, settings, folder_, scripts,
                     PasswordVerifier::Timing{.slow = slow, .poll = milliseconds(10)});
    const crypto::SecretString password(std::string_view("secret"));
    verification =
        verifier->verify({.username = "alice", .password = password, .environment = {}, .patience = patience},
                         {.pending =
                              [this](const PasswordVerifier::Pending& told) {
                                pending.push_back(told);
                                return client_can_wait;
                              },
                          .decided =
                              [this](const PasswordVerifier::Decision& decided) {
                                EXPECT_FALSE(decision) << "decided twice";
                                decision = decided;
                              }});
    EXPECT_FALSE(decision) << "decided at once";
  }
  std::optional<Verdict> verdict() {
    wait_for([this] { return decision.has_value(); });
    return decision ? std::optional(decision->verdict) : std::nullopt;
  }
  std::size_t files() const {
    const auto begin = std::filesystem::directory_iterator(folder_);
    return static_cast<std::size_t>(
        std::count_if(begin, std::filesystem::directory_iterator(),
                      [](const auto& file) { return file.path().filename().string().starts_with("vpnd_"); }));
  }

  config::PasswordTransfer transfer = config::PasswordTransfer::via_file;
  milliseconds slow = minutes(1);
  bool client_can_wait = true;
  hooks::ScriptRunner scripts{io};
  std::optional<PasswordVerifier> verifier;
  std::shared_ptr<PasswordVerifier::Verification> verification;
  std::vector<PasswordVerifier::Pending> pending;
  std::optional<PasswordVerifier::Decision> decision;
};

TEST_F(PasswordVerifierTest, BelievesTheExitStatus) {
  ask("exit 0\n");
  EXPECT_EQ(verdict(), Verdict::right);
  decision.reset();
  ask("exit 1\n");
  EXPECT_EQ(verdict(), Verdict::wrong);
  decision.reset();
  ask("kill -9 $$\n");
  EXPECT_EQ(verdict(), Verdict::wrong);
  EXPECT_TRUE(pending.empty());
}

TEST_F(PasswordVerifierTest, ShowsNameAndPasswordInAFileOfTwoLines) {
  ask("[ -z \"$password\" ] && [ \"$username\" = alice ] && [ \"$(cat \"$1\")\" = \"$(printf "
      "'alice\\nsecret')\" ]\n");
  EXPECT_EQ(verdict(), Verdict::right);
}

TEST_F(PasswordVerifierTest, ShowsThemInTheEnvironmentWhereThatIsWanted) {
  transfer = config::PasswordTransfer::via_environment;
  ask("[ $# = 0 ] && [ \"$username\" = alice ] && [ \"$password\" = secret ]\n");
  EXPECT_EQ(verdict(), Verdict::right);
}

TEST_F(PasswordVerifierTest, LeavesNoFileBehind) {
  ask("exit 0\n");
  EXPECT_EQ(files(), 4U);
  EXPECT_EQ(verdict(), Verdict::right);
  verification.reset();
  EXPECT_TRUE(wait_for([this] { return files() == 0; }));
}

TEST_F(PasswordVerifierTest, SaysWhyTheAnswerIsNo) {
  ask("echo 'account locked' > \"$auth_failed_reason_file\"; exit 1\n");
  EXPECT_EQ(verdict(), Verdict::wrong);
  EXPECT_EQ(decision->reason, "account locked");
}

TEST_F(PasswordVerifierTest, PassesOnNoReasonThatCannotBeSent) {
  ask("printf 'bell \\007' > \"$auth_failed_reason_file\"; exit 1\n");
  EXPECT_EQ(verdict(), Verdict::wrong);
  EXPECT_EQ(decision->reason, "");
}

TEST_F(PasswordVerifierTest, WaitsForAnAnswerThatWasPutOff) {
  for (const char answer : {'0', '1'}) {
    const auto go = path("go").string();
    std::filesystem::remove(go);
    ask("(while [ ! -e " + go + " ]; do sleep 0.01; done; printf " + answer +
        " > \"$auth_control_file\") >/dev/null 2>&1 &\nexit 2\n");
    EXPECT_TRUE(wait_for([this] { return !pending.empty(); }));
    EXPECT_FALSE(decision);
    write("go", "");
    EXPECT_EQ(verdict(), answer == '1' ? Verdict::right : Verdict::wrong);
    EXPECT_EQ(pending.size(), 1U);
    pending.clear();
    decision.reset();
  }
}

TEST_F(PasswordVerifierTest, TellsWhatTheScriptWantsOfTheClient) {
  ask("printf '90\\nwebauth\\nWEB_AUTH::https://a.example/1\\n' > \"$auth_pending_file\"; exit 2\n");
  ASSERT_TRUE(wait_for([this] { return !pending.empty(); }));
  EXPECT_EQ(pending[0].timeout, seconds(90));
  EXPECT_EQ(pending[0].method, "webauth");
  EXPECT_EQ(pending[0].extra, "WEB_AUTH::https://a.example/1");
}

TEST_F(PasswordVerifierTest, NeverPromisesMoreTimeThanThereIs) {
  ask("echo 9000 > \"$auth_pending_file\"; exit 2\n", seconds(60));
  ASSERT_TRUE(wait_for([this] { return !pending.empty(); }));
  EXPECT_LE(pending[0].timeout, seconds(60));
  EXPECT_GT(pending[0].timeout, seconds(0));
}

TEST_F(PasswordVerifierTest, RefusesAClientThatCannotWait) {
  client_can_wait = false;
  ask("exit 2\n");
  EXPECT_EQ(verdict(), Verdict::wrong);
}

TEST_F(PasswordVerifierTest, RefusesWhenNoAnswerComesInTime) {
  ask("exit 2\n", milliseconds(50));
  EXPECT_EQ(verdict(), Verdict::wrong);
}

TEST_F(PasswordVerifierTest, EndsAScriptThatTakesTooLong) {
  ask("sleep 60\n", milliseconds(50));
  EXPECT_EQ(verdict(), Verdict::wrong);
}

TEST_F(PasswordVerifierTest, TellsOfASlowScriptAndStillBelievesIt) {
  slow = milliseconds(10);
  const auto go = path("go").string();
  ask("while [ ! -e " + go + " ]; do sleep 0.01; done\n");
  EXPECT_TRUE(wait_for([this] { return !pending.empty(); }));
  EXPECT_FALSE(decision);
  write("go", "");
  EXPECT_EQ(verdict(), Verdict::right);
}

TEST_F(PasswordVerifierTest, CallsNobodyOnceTheAnswerIsNotWantedAnyMore) {
  ask("exit 2\n", milliseconds(50));
  ASSERT_TRUE(wait_for([this] { return !pending.empty(); }));
  verification.reset();
  io.restart();
  io.run_for(milliseconds(100));
  EXPECT_FALSE(decision);
}

TEST_F(PasswordVerifierTest, RefusesWhenThereIsNowhereToPutItsFiles) {
  config::PasswordVerifier settings;
  settings.command.words = {script("verify", "exit 0\n")};
  verifier.emplace(io, settings, path("missing"), scripts);
  const crypto::SecretString password(std::string_view("secret"));
  const auto none =
      verifier->verify({.username = "alice", .password = password, .environment = {}, .patience = minutes(1)},
                       {.pending = [](const auto&) { return true; },
                        .decided = [this](const auto& decided) { decision = decided; }});
  EXPECT_EQ(verdict(), Verdict::wrong);
}

}  // namespace
}  // namespace vpnd::control
