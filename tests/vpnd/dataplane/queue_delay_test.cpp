// The law and the measure of delay, over a time that the tests make up.

#include "vpnd/dataplane/queue_delay.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace vpnd::dataplane {
namespace {

using namespace std::chrono_literals;
using proto::TimePoint;

constexpr TimePoint kBegin{1000s};

// Asks every millisecond while the queue stands at `delay`; when drops came, counted from the beginning.
std::vector<Duration> drops_during(DelayLaw& law, Duration delay, Duration from, Duration to) {
  std::vector<Duration> drops;
  for (Duration at = from; at < to; at += 1ms) {
    if (law.drops(kBegin + at, delay)) drops.push_back(at);
  }
  return drops;
}

TEST(DelayLaw, LeavesAQueueAloneThatIsShort) {
  DelayLaw law;
  EXPECT_TRUE(drops_during(law, 4ms, 0ms, 10s).empty());
}

TEST(DelayLaw, LeavesABurstAlone) {
  DelayLaw law;
  for (Duration at = 0ms; at < 10s; at += 100ms) {
    EXPECT_TRUE(drops_during(law, 50ms, at, at + 90ms).empty());
    EXPECT_FALSE(law.drops(kBegin + at + 95ms, 1ms)) << "it was gone for a moment";
  }
}

TEST(DelayLaw, DropsMoreAndMoreOftenFromAQueueThatStands) {
  DelayLaw law;
  const auto drops = drops_during(law, 20ms, 0ms, 1s);
  // 100 ms of patience, then steps of 100 ms by the square root of 1, 2, 3 …, asked every millisecond.
  const std::vector<Duration> first{100ms, 200ms, 271ms, 329ms, 379ms};
  ASSERT_GE(drops.size(), first.size());
  EXPECT_EQ(std::vector(drops.begin(), drops.begin() + 5), first);
  for (std::size_t i = 2; i < drops.size(); ++i) {
    EXPECT_LE(drops[i] - drops[i - 1], drops[i - 1] - drops[i - 2] + 1ms);
  }
}

TEST(DelayLaw, StopsAtOnceWhenTheQueueIsShortAgain) {
  DelayLaw law;
  EXPECT_FALSE(drops_during(law, 20ms, 0ms, 1s).empty());
  EXPECT_FALSE(law.drops(kBegin + 1s, 4ms));
  EXPECT_TRUE(drops_during(law, 20ms, 1001ms, 1100ms).empty());
}

TEST(DelayLaw, GoesOnNearlyWhereItStoppedWhenTheQueueComesBackSoon) {
  DelayLaw law;
  const std::size_t before = drops_during(law, 20ms, 0ms, 2s).size();
  EXPECT_FALSE(law.drops(kBegin + 2s, 1ms));
  const auto soon = drops_during(law, 20ms, 2001ms, 3s);
  ASSERT_GT(before, 10U);
  ASSERT_GE(soon.size(), 2U);
  EXPECT_LT(soon[1] - soon[0], 40ms);
}

TEST(DelayLaw, BeginsAnewWhenTheQueueComesBackLate) {
  DelayLaw law;
  drops_during(law, 20ms, 0ms, 2s);
  EXPECT_FALSE(law.drops(kBegin + 2s, 1ms));
  const auto late = drops_during(law, 20ms, 10s, 11s);
  ASSERT_GE(late.size(), 2U);
  EXPECT_EQ(late[1] - late[0], 100ms);
}

TEST(DelayLaw, HasNothingToMakeUpForWhereNothingCame) {
  DelayLaw law;
  drops_during(law, 20ms, 0ms, 1s);
  int drops = 0;
  for (int i = 0; i < 100; ++i) drops += law.drops(kBegin + 60s, 20ms) ? 1 : 0;
  EXPECT_LE(drops, 2);
}

TEST(QueueAge, IsThatOfTheOldestByteLeft) {
  QueueAge queue;
  EXPECT_EQ(queue.age(kBegin, 0), 0ms);
  queue.add(kBegin, 1000);
  queue.add(kBegin + 10ms, 1000);
  queue.add(kBegin + 20ms, 1000);
  EXPECT_EQ(queue.age(kBegin + 30ms, 3000), 30ms);
  EXPECT_EQ(queue.age(kBegin + 31ms, 2001), 31ms) << "its last byte is still there";
  EXPECT_EQ(queue.age(kBegin + 32ms, 2000), 22ms);
  EXPECT_EQ(queue.age(kBegin + 33ms, 1), 13ms);
  EXPECT_EQ(queue.age(kBegin + 34ms, 0), 0ms);
  queue.add(kBegin + 40ms, 1000);
  EXPECT_EQ(queue.age(kBegin + 40ms, 1000), 0ms);
}

TEST(QueueAge, OfAQueueThatFlowsIsLengthByRate) {
  QueueAge queue;
  // 1,000 bytes a millisecond in and out, of which 50,000 always wait.
  for (int i = 0; i < 5000; ++i) {
    const TimePoint now = kBegin + i * 1ms;
    queue.add(now, 1000);
    const Duration age = queue.age(now, i < 50 ? 0 : 50'000);
    if (i < 200) continue;
    EXPECT_GE(age, 49ms);
    EXPECT_LE(age, 60ms);
  }
}

TEST(QueueAge, OfAQueueThatStandsStillGrowsForHours) {
  QueueAge queue;
  std::size_t length = 0;
  for (int i = 0; i < 3600; ++i) {
    queue.add(kBegin + i * 1s, 100);
    length += 100;
    EXPECT_EQ(queue.age(kBegin + i * 1s, length), i * 1s);
  }
  EXPECT_EQ(queue.age(kBegin + 4000s, 0), 0s);
}

}  // namespace
}  // namespace vpnd::dataplane
