#include "vpnd/config/reload.hpp"

#include <gmock/gmock.h>

#include "support.hpp"
#include "vpnd/config/directive.hpp"

namespace vpnd::config::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kPem = "-----BEGIN ONE-----\nAAAA\n-----END ONE-----\n";
constexpr const char* kOther = "-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n";

std::vector<std::string> difference(const std::string& before, const std::string& after) {
  return directives_needing_restart(load_text(kServer + before), load_text(kServer + after));
}

TEST(Reload, FindsNothingToDoForTheSameWords) {
  EXPECT_THAT(difference("verb 3\nport 1195\n", "port 1195\nverb 3\n"), IsEmpty());
}

TEST(Reload, AdoptsWhatClientsArePushedAndHowTheyAreJudged) {
  EXPECT_THAT(difference("push \"route 10.9.0.0 255.255.0.0\"\n",
                         "push \"route 10.7.0.0 255.255.0.0\"\nverb 4\nreneg-sec 100\ncrl-verify crl.pem\n"),
              IsEmpty());
}

TEST(Reload, NamesWhatNeedsANewStart) {
  EXPECT_THAT(difference("port 1195\nverb 3\n", "verb 4\ntxqueuelen 900\n"),
              ElementsAre("port", "txqueuelen"));
  EXPECT_THAT(difference("port 1195\n", "port 1196\n"), ElementsAre("port"));
}

TEST(Reload, SeesTheOrderAndTheNumberOfStatementsOfOneName) {
  EXPECT_THAT(difference("local 192.0.2.1\nlocal 192.0.2.2\n", "local 192.0.2.2\nlocal 192.0.2.1\n"),
              ElementsAre("local"));
  EXPECT_THAT(difference("local 192.0.2.1\n", "local 192.0.2.1\nlocal 192.0.2.1 1195\n"),
              ElementsAre("local"));
}

TEST(Reload, SeesAnotherContentOfAFileThatASessionDependsOn) {
  const std::string text = std::string(kServer) + "tls-crypt ta.key\n";
  EXPECT_THAT(directives_needing_restart(load_text(text), load_text(text, Files().with("ta.key", kOther))),
              ElementsAre("tls-crypt"));
  EXPECT_THAT(directives_needing_restart(load_text(text), load_text(text, Files().with("my.crt", kOther))),
              IsEmpty());
}

TEST(Reload, KeepsTheRenewalOfTokensWithThatOfKeys) {
  const std::string script = "auth-user-pass-verify /bin/true via-file\nscript-security 2\n";
  const std::string tokens = script + "auth-gen-token 3600\n",
                    own_time = script + "auth-gen-token 3600 100\n";
  EXPECT_THAT(difference(tokens + "reneg-sec 600\n", tokens + "reneg-sec 700\n"), ElementsAre("reneg-sec"));
  EXPECT_THAT(difference(own_time + "reneg-sec 600\n", own_time + "reneg-sec 700\n"), IsEmpty());
}

TEST(Reload, SeesAnInlineBlock) {
  EXPECT_THAT(difference("<tls-crypt>\n" + std::string(kPem) + "</tls-crypt>\n",
                         "<tls-crypt>\n" + std::string(kOther) + "</tls-crypt>\n"),
              ElementsAre("tls-crypt"));
}

TEST(Reload, KnowsEveryNameAsADirective) {
  std::size_t adoptable = 0;
  for (const Directive* directive : all_directives()) adoptable += is_adoptable(directive->name) ? 1 : 0;
  EXPECT_EQ(adoptable, adoptable_directives().size());
}

}  // namespace
}  // namespace vpnd::config::testing
