// What is written about directives, in four places, held against the table: --help, the man pages, the
// samples, and the list of names that OpenVPN knows.

#include <gmock/gmock.h>

#include <set>
#include <sstream>

#include "support.hpp"
#include "vpnd/config/compatibility.hpp"
#include "vpnd/config/directive.hpp"
#include "vpnd/config/help.hpp"
#include "vpnd/config/lexer.hpp"
#include "vpnd/config/reload.hpp"

namespace vpnd::config::testing {
namespace {

using Names = std::set<std::string>;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Names documented(bool (*wanted)(const Directive&)) {
  Names names;
  for (const Directive* directive : all_directives())
    if (is_documented(*directive) && wanted(*directive)) names.emplace(directive->name);
  return names;
}

bool in_files(const Directive& directive) {
  return (directive.contexts & (kInFile | kInClientConfig)) != 0;
}
bool on_command_line_only(const Directive& directive) {
  return directive.contexts == kOnCommandLine;
}

// The names behind `macro` at the start of a line of a man page.
Names listed(const std::string& page, std::string_view macro) {
  Names names;
  for (const std::string& line : lines_of(repository_file(page)))
    if (line.starts_with(macro))
      names.insert(line.substr(macro.size(), line.find(' ', macro.size()) - macro.size()));
  return names;
}

TEST(DirectiveTable, HasEveryNameOnce) {
  const auto all = all_directives();
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1]->name, all[i]->name);
  EXPECT_GE(all.size(), 314u);
}

TEST(DirectiveTable, AnswersEveryNameOfOpenVpn) {
  for (const std::string& line :
       lines_of(repository_file("tests/vpnd/config/fixtures/openvpn-directives.txt")))
    EXPECT_TRUE(line.empty() || line.front() == '#' || find_directive(line) != nullptr) << line;
}

// "vpnd --list-directives > docs/openvpn-compatibility.md" makes it anew.
TEST(CompatibilityPage, IsWhatTheTableSays) {
  EXPECT_EQ(repository_file("docs/openvpn-compatibility.md"), compatibility_page());
}

TEST(CompatibilityPage, CallsOurOwnWhatOpenVpnDoesNotKnow) {
  Names theirs;
  for (const std::string& line :
       lines_of(repository_file("tests/vpnd/config/fixtures/openvpn-directives.txt")))
    if (!line.empty() && line.front() != '#') theirs.insert(line);
  for (const Directive* directive : all_directives())
    EXPECT_NE(is_own(*directive), theirs.contains(std::string(directive->name))) << directive->name;
}

TEST(DirectiveTable, HasWordsForEveryDirective) {
  for (const Directive* directive : all_directives()) {
    EXPECT_FALSE(directive->text.empty()) << directive->name;
    EXPECT_FALSE(directive->text.ends_with('.')) << directive->name;
    const bool for_all = (directive->contexts & (kInFile | kOnCommandLine)) != 0;
    EXPECT_TRUE(directive->verdict != Verdict::works || !for_all || directive->handler != nullptr)
        << directive->name;
    EXPECT_TRUE(!is_documented(*directive) || (directive->arguments.max == 0) == directive->synopsis.empty())
        << directive->name;
  }
}

TEST(DirectiveTable, SuggestsTheNearestName) {
  const struct {
    const char* misspelt;
    const char* name;
  } cases[] = {{"prot", "proto"},
               {"remot", "remote"},
               {"persist-tnu", "persist-tun"},
               {"data-cipher", "data-ciphers"},
               {"client-config-dri", "client-config-dir"},
               {"frobnicate", ""},
               {"x", ""}};
  for (const auto& [misspelt, name] : cases) EXPECT_EQ(suggestion(misspelt), name) << misspelt;
}

TEST(Help, ListsEveryDocumentedDirective) {
  const std::string help = help_text();
  for (const std::string& name : documented([](const Directive&) { return true; }))
    EXPECT_NE(help.find("\n  --" + name + " "), std::string::npos) << name;
}

TEST(ManPages, HaveExactlyTheDirectivesThatAreHonoured) {
  EXPECT_EQ(listed("docs/vpnd.conf.5", ".It Ic "), documented(in_files));
  EXPECT_EQ(listed("docs/vpnd.8", ".It Fl -"), documented(on_command_line_only));
}

// A sample's directives: what stands without ';', and what a ';' hides. Lines of hidden directives that
// follow each other belong together. A line "# Instead of NAME:", or "… NAME and NAME:", in front of them
// takes NAME away.
struct Sample {
  std::vector<std::string> active;
  struct Group {
    std::string instead_of;
    std::string lines;
  };
  std::vector<Group> groups;
};

Sample read_sample(const std::string& path) {
  Sample sample;
  constexpr std::string_view kInstead = "# Instead of ";
  std::string instead_of;
  bool in_group = false;
  for (const std::string& line : lines_of(repository_file(path))) {
    if (line.starts_with(kInstead))
      instead_of = line.substr(kInstead.size(), line.size() - kInstead.size() - 1);
    const bool hidden = line.starts_with(';');
    if (hidden && !in_group) sample.groups.push_back({instead_of, ""});
    if (hidden) sample.groups.back().lines += line.substr(1) + "\n";
    if (in_group && !hidden) instead_of.clear();
    in_group = hidden;
    if (!line.empty() && !hidden && line.front() != '#') sample.active.push_back(line);
  }
  return sample;
}

// Every file that a sample names exists and may be a certificate, a key, or a name and a password.
Loaded load_sample(const std::string& text) {
  const ReadFile read_file = [&](const std::filesystem::path& path) -> std::string {
    if (path == "sample.conf") return text;
    return path == "/etc/vpnd/more.conf" ? "" : "-----BEGIN X-----\nAAAA\n";
  };
  const std::string arguments[] = {"sample.conf"};
  return load(arguments, read_file);
}

std::string name_of(const std::string& line) {
  return tokenise(line).words.front();
}

TEST(ManPages, NameWhatARunningServerTakesOver) {
  Names adoptable;
  for (const std::string_view name : adoptable_directives()) adoptable.emplace(name);
  EXPECT_EQ(listed("docs/vpnd.8", ".Ic "), adoptable);
}

TEST(Samples, LoadAsTheyAreAndWithEachOfTheirGroups) {
  for (const char* path : {"conf/server.conf", "conf/client.conf"}) {
    const Sample sample = read_sample(path);
    EXPECT_NO_THROW(load_sample(repository_file(path)));
    for (const Sample::Group& group : sample.groups) {
      std::string text = group.lines;
      for (const std::string& line : sample.active)
        if ((" " + group.instead_of + " ").find(" " + name_of(line) + " ") == std::string::npos)
          text += line + "\n";
      EXPECT_NO_THROW(load_sample(text)) << path << "\n" << group.lines;
    }
  }
}

TEST(Samples, HaveEveryDirectiveThatIsMoreThanAccepted) {
  Names missing = documented([](const Directive& directive) { return (directive.contexts & kInFile) != 0; });
  for (const char* name : {"tcp-nodelay", "tun-ipv6", "persist-key", "disable-dco", "dh", "ns-cert-type",
                           "allow-compression", "ncp-ciphers", "server-poll-timeout"})
    EXPECT_EQ(missing.erase(name), 1u) << name;  // accepted for other people's files, or a second name
  for (const char* path : {"conf/server.conf", "conf/client.conf"}) {
    const Sample sample = read_sample(path);
    for (const std::string& line : sample.active) missing.erase(name_of(line));
    for (const Sample::Group& group : sample.groups)
      for (const std::string& line : lines_of(group.lines)) missing.erase(name_of(line));
  }
  EXPECT_EQ(missing, Names{});
}

}  // namespace
}  // namespace vpnd::config::testing
