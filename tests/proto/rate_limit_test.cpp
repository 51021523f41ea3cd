#include "proto/rate_limit.hpp"

#include <gtest/gtest.h>

namespace vpnd::proto {
namespace {

using std::chrono::seconds;

Now at(int second) {
  return {TimePoint(seconds(second)), 0};
}

TEST(RateLimit, AllowsSoManyEventsInEachPeriod) {
  RateLimit limit({2, seconds(10)});
  EXPECT_TRUE(limit.take(at(100)));
  EXPECT_TRUE(limit.take(at(109)));
  EXPECT_FALSE(limit.has_room(at(109)));
  EXPECT_FALSE(limit.take(at(109)));
  EXPECT_TRUE(limit.take(at(110)));
}

TEST(RateLimit, RefusedEventsAreNotCharged) {
  RateLimit limit({1, seconds(10)});
  EXPECT_TRUE(limit.take(at(100)));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(limit.take(at(101)));
  EXPECT_TRUE(limit.take(at(110)));
}

TEST(RateLimit, EventGivenBackMayHappenAgain) {
  RateLimit limit({1, seconds(10)});
  EXPECT_TRUE(limit.take(at(100)));
  limit.give_back();
  limit.give_back();  // more than were taken make no credit
  EXPECT_TRUE(limit.take(at(100)));
  EXPECT_FALSE(limit.take(at(100)));
}

TEST(RateLimit, ZeroMeansNoLimit) {
  RateLimit limit(RateLimit::Settings{});
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.take(at(100)));
}

}  // namespace
}  // namespace vpnd::proto
