#include "vpnd/host/script_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vpnd::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

TEST(SplitCommand, SeparatesWordsAsOpenVpnDoes) {
  const struct {
    std::string_view command;
    Words words;
  } cases[] = {
      {"/etc/up.sh", {"/etc/up.sh"}},
      {"  /etc/up.sh\ttun0  1500 ", {"/etc/up.sh", "tun0", "1500"}},
      {R"("/etc/my scripts/up" "a \"b\" \\c")", {"/etc/my scripts/up", R"(a "b" \c)"}},
      {R"(/up 'it is $HOME \ "quoted"')", {"/up", R"(it is $HOME \ "quoted")"}},
      {R"(/my\ scripts/up a\\b)", {"/my scripts/up", R"(a\b)"}},
      {R"(/up "" '')", {"/up", "", ""}},
      {R"(/up a"b'c)", {"/up", R"(a"b'c)"}},  // a quote inside a word is a character
      {R"(/up "a"b)", {"/up", "a", "b"}},     // and one that closes a word ends it
      {"/up a # a comment", {"/up", "a"}},
      {"/up a;b ; c", {"/up", "a;b"}},
      {"/up `id` $(id) *.conf|cat >x", {"/up", "`id`", "$(id)", "*.conf|cat", ">x"}},  // nothing of a shell
  };
  for (const auto& [command, words] : cases) {
    const ScriptCommand split = split_command(command);
    EXPECT_EQ(split.error, "") << command;
    EXPECT_EQ(split.arguments, words) << command;
  }
}

TEST(SplitCommand, ExplainsWhatIsWrong) {
  const struct {
    std::string_view command;
    std::string_view error;
  } cases[] = {
      {"", "empty"},
      {"   ", "empty"},
      {"# only a comment", "empty"},
      {"/up \"open", "quote \" is not closed"},
      {"/up 'open", "quote ' is not closed"},
      {"C:\\up.bat", "backslash"},
      {"/up end\\", "backslash"},
      {std::string_view("/up\0x", 5), "zero byte"},
  };
  for (const auto& [command, error] : cases) {
    const ScriptCommand split = split_command(command);
    EXPECT_THAT(split.error, HasSubstr(std::string(error))) << command;
    EXPECT_TRUE(split.arguments.empty()) << command;
  }
}

TEST(ScriptEnvironment, HasNothingButAPathAtFirst) {
  EXPECT_THAT(ScriptEnvironment().entries(), ElementsAre(HasSubstr("PATH=/usr/local/sbin:")));
}

TEST(ScriptEnvironment, RefusesNamesThatSteerPrograms) {
  ScriptEnvironment environment;
  for (const char* const name :
       {"PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "IFS", "ENV", "BASH_ENV", "PYTHONPATH", "PERL5LIB",
        "GCONV_PATH", "", "1a", "a b", "a=b", "ä", "a\n"}) {
    EXPECT_FALSE(environment.set(name, "x")) << name;
  }
  EXPECT_EQ(environment.entries().size(), 1U);
}

TEST(ScriptEnvironment, ReplacesControlCharactersInValues) {
  ScriptEnvironment environment;
  EXPECT_TRUE(environment.set("common_name", "anna\nroot=1\x7f Bär"));
  EXPECT_EQ(environment.variables().at("common_name"), "anna_root=1_ Bär");
  EXPECT_TRUE(environment.set("common_name", "bert"));
  EXPECT_EQ(environment.variables().at("common_name"), "bert");
  environment.erase("common_name");
  EXPECT_TRUE(environment.variables().empty());
}

TEST(ScriptEnvironment, TakesOnlyIvAndUvNamesFromAPeer) {
  ScriptEnvironment environment;
  EXPECT_TRUE(environment.set_from_peer("IV_VER", "2.6.14"));
  EXPECT_TRUE(environment.set_from_peer("UV_ASSET", "x"));
  EXPECT_FALSE(environment.set_from_peer("common_name", "root"));
  EXPECT_FALSE(environment.set_from_peer("IV_A-B", "x"));
  EXPECT_EQ(environment.variables().size(), 2U);
}

}  // namespace
}  // namespace vpnd::host
