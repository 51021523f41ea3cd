#include "vpnd/routing/client_config_dir.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace vpnd::routing {
namespace {

using Verdict = ClientConfigFile::Verdict;

class ClientConfigDir : public ::testing::Test {
 protected:
  ClientConfigDir() {
    std::string name = ::testing::TempDir() + "vpnd_ccd_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    outside_ = name;
    std::filesystem::create_directory(ccd());
  }
  ~ClientConfigDir() override { std::filesystem::remove_all(outside_); }

  std::filesystem::path ccd() const { return outside_ / "ccd"; }
  void file(const std::string& name, std::string_view text) const { std::ofstream(ccd() / name) << text; }
  std::string found_for(std::string_view common_name) const {
    const ClientConfigFile found = find_client_config(ccd(), common_name);
    return found.verdict == Verdict::found ? found.text : "";
  }

  std::filesystem::path outside_;
};

TEST(ClientConfigFileName, IsTheNameWithoutWhatAFileNameCannotHave) {
  const struct {
    std::string_view common_name;
    std::optional<std::string> file_name;
  } cases[] = {
      {"anna", "anna"},
      {"Anna Bär@example.org", "Anna Bär@example.org"},
      {"../../etc/passwd", ".._.._etc_passwd"},
      {"/etc/passwd", "_etc_passwd"},
      {std::string_view("a\0b", 3), "a_b"},
      {"a\nb\x7f", "a_b_"},
      {"..", std::nullopt},
      {".", std::nullopt},
      {"", std::nullopt},
      {"...", "..."},
  };
  for (const auto& [common_name, file_name] : cases)
    EXPECT_EQ(client_config_file_name(common_name), file_name);
}

TEST_F(ClientConfigDir, PrefersTheClientsOwnFileToDefault) {
  file("DEFAULT", "default");
  file("anna", "own");
  EXPECT_EQ(found_for("anna"), "own");
  EXPECT_EQ(found_for("bert"), "default");
  EXPECT_EQ(find_client_config(ccd(), "anna").path, ccd() / "anna");
}

TEST_F(ClientConfigDir, NeverLeavesItsDirectory) {
  std::ofstream(outside_ / "secret") << "outside";
  for (const char* const name : {"../secret", "..", ".", "", "/secret"})
    EXPECT_EQ(found_for(name), "") << name;
}

TEST_F(ClientConfigDir, GoesOnWithoutAFile) {
  EXPECT_EQ(find_client_config(ccd(), "anna").verdict, Verdict::none);
  EXPECT_EQ(find_client_config(ccd(), std::string(300, 'x')).verdict, Verdict::none);
}

TEST_F(ClientConfigDir, RefusesClientsWithoutAFileOfTheirOwnWhenExclusive) {
  file("DEFAULT", "default");
  file("anna", "own");
  EXPECT_EQ(find_client_config(ccd(), "anna", ClientConfigExclusive::yes).text, "own");
  EXPECT_EQ(find_client_config(ccd(), "bert", ClientConfigExclusive::yes).verdict, Verdict::refused);
}

TEST_F(ClientConfigDir, DoesNotTakeAnUnreadableFileForAMissingOne) {
  file("DEFAULT", "default");
  std::filesystem::create_directory(ccd() / "anna");
  const ClientConfigFile found = find_client_config(ccd(), "anna");
  EXPECT_EQ(found.verdict, Verdict::unreadable);
  EXPECT_NE(found.reason.find("Is a directory"), std::string::npos);
}

}  // namespace
}  // namespace vpnd::routing
