// Whole configurations as installers, containers and providers write them, each with all that vpnd says about
// it.

#include <gtest/gtest.h>

#include <filesystem>

#include "support.hpp"

namespace vpnd::config::testing {
namespace {

// Faults if there are any, else warnings. Each file the configuration names exists.
std::string remarks_on(const std::string& name) {
  const std::string text = repository_file("tests/vpnd/config/fixtures/" + name);
  const ReadFile read_file = [&](const std::filesystem::path& path) {
    return path == name ? text : std::string("-----BEGIN X-----\nAAAA\n");
  };
  const std::string arguments[] = {name};
  try {
    std::string lines;
    for (const Diagnostic& warning : load(arguments, read_file).warnings) lines += format(warning) + "\n";
    return lines;
  } catch (const ConfigError& error) {
    return std::string(error.what()) + "\n";
  }
}

TEST(Fixtures, AreAnsweredAsWritten) {
  int seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(VPND_SOURCE_DIR "/tests/vpnd/config/fixtures")) {
    if (entry.path().extension() != ".conf") continue;
    const std::string stem = entry.path().stem();
    EXPECT_EQ(remarks_on(stem + ".conf"), repository_file("tests/vpnd/config/fixtures/" + stem + ".expected"))
        << stem;
    ++seen;
  }
  EXPECT_GE(seen, 6);
}

}  // namespace
}  // namespace vpnd::config::testing
