#include "vpnd/dataplane/mailbox.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace vpnd::dataplane {
namespace {

TEST(Mailbox, WakesTheReaderOnlyWhenItStopsBeingEmpty) {
  int woken = 0;
  Mailbox<int> box(0, [&] { ++woken; });
  box.post(1);
  box.post(2);
  EXPECT_EQ(woken, 1);
  std::vector<int> taken;
  box.take(taken);
  box.post(3);
  EXPECT_EQ(woken, 2);
}

TEST(Mailbox, GivesMessagesInTheOrderInWhichTheyWerePosted) {
  Mailbox<int> box(0, [] {});
  for (int i = 0; i < 5; ++i) box.post(int{i});
  std::vector<int> taken{99};
  box.take(taken);
  EXPECT_EQ(taken, (std::vector<int>{0, 1, 2, 3, 4}));
  box.take(taken);
  EXPECT_TRUE(taken.empty());
}

TEST(Mailbox, RefusesBeyondItsLimitUntilItWasEmptied) {
  Mailbox<int> box(2, [] {});
  EXPECT_TRUE(box.try_post(1));
  EXPECT_TRUE(box.try_post(2));
  EXPECT_FALSE(box.try_post(3));
  std::vector<int> taken;
  box.take(taken);
  EXPECT_EQ(taken, (std::vector<int>{1, 2}));
  EXPECT_TRUE(box.try_post(4));
}

TEST(Mailbox, NeverRefusesWhatMustNotBeLost) {
  Mailbox<std::unique_ptr<int>> box(1, [] {});
  for (int i = 0; i < 100; ++i) box.post(std::make_unique<int>(i));
  std::vector<std::unique_ptr<int>> taken;
  box.take(taken);
  EXPECT_EQ(taken.size(), 100U);
}

TEST(Mailbox, LosesNothingBetweenManyWritersAndAReader) {
  constexpr int kWriters = 4, kEach = 2000;
  Mailbox<int> box(0, [] {});
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) box.post(1);
    });
  }
  std::size_t received = 0;
  std::vector<int> taken;
  while (received < kWriters * kEach) {
    box.take(taken);
    received += taken.size();
    if (taken.empty()) std::this_thread::yield();
  }
  for (auto& writer : writers) writer.join();
  box.take(taken);
  EXPECT_TRUE(taken.empty());
}

}  // namespace
}  // namespace vpnd::dataplane
