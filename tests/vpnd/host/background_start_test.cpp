#include "vpnd/host/background_start.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

namespace vpnd::host {
namespace {

using ::testing::ExitedWithCode;

// The process under test is the one that a shell would wait for; the background child ends itself with 99.
constexpr int kChildEnds = 99;

TEST(BackgroundStartDeathTest, LetsTheParentExitWithSuccessOnceTheStartSucceeded) {
  EXPECT_EXIT(
      {
        BackgroundStart start;
        start.succeeded();
        ::_exit(kChildEnds);
      },
      ExitedWithCode(0), "");
}

TEST(BackgroundStartDeathTest, PrintsTheReasonOfAFailureInTheForeground) {
  EXPECT_EXIT(
      {
        BackgroundStart start;
        start.failed("no such device");
        ::_exit(kChildEnds);
      },
      ExitedWithCode(1), "no such device");
}

TEST(BackgroundStartDeathTest, FailsWhenTheChildDiesWithoutAWord) {
  EXPECT_EXIT(
      {
        BackgroundStart start;
        ::_exit(kChildEnds);
      },
      ExitedWithCode(1), "");
}

TEST(BackgroundStartDeathTest, FailsWhenAnExceptionUnwindsTheStart) {
  EXPECT_EXIT(
      {
        std::optional<BackgroundStart> start;
        start.emplace();
        start.reset();
        ::_exit(kChildEnds);
      },
      ExitedWithCode(1), "");
}

TEST(BackgroundStartDeathTest, PutsTheChildIntoASessionOfItsOwn) {
  EXPECT_EXIT(
      {
        BackgroundStart start;
        if (::getsid(0) == ::getpid()) start.succeeded();
        ::_exit(kChildEnds);
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace vpnd::host
