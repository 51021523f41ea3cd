#include "crypto/stoppable_work.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace vpnd::crypto {
namespace {

using Progress = StoppableWork::Progress;

TEST(StoppableWork, RunsToItsEndAtOnceWhereNothingStopsIt) {
  StoppableWork work;
  int runs = 0;
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(work.run([&] { ++runs; }), Progress::finished);
    EXPECT_EQ(runs, i);
  }
}

TEST(StoppableWork, GoesOnWhereItStopped) {
  StoppableWork work;
  std::string story;
  EXPECT_EQ(work.run([&] {
    story += "a";
    work.stop();
    story += "c";
    work.stop();
    story += "e";
  }),
            Progress::stopped);
  EXPECT_TRUE(work.is_stopped());
  story += "b";
  EXPECT_EQ(work.resume(), Progress::stopped);
  story += "d";
  EXPECT_EQ(work.resume(), Progress::finished);
  EXPECT_FALSE(work.is_stopped());
  EXPECT_EQ(story, "abcde");
}

TEST(StoppableWork, HasAThreadOfItsOwnWhichIsAlwaysTheSame) {
  StoppableWork work;
  std::thread::id first, second;
  (void)work.run([&] { first = std::this_thread::get_id(); });
  (void)work.run([&] { second = std::this_thread::get_id(); });
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace vpnd::crypto
