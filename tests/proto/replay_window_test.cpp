#include "proto/replay_window.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace vpnd::proto {
namespace {

TEST(ReplayWindow, AcceptsEachPacketIdOnceWithinTheWindow) {
  constexpr auto kWindow = ReplayWindow::kSize;
  const struct {
    std::uint64_t id;
    bool accepted;
  } arrivals[] = {
      {0, false},  // never valid on the wire
      {1, true},
      {2, true},
      {2, false},  // in order, then replayed
      {9, true},
      {8, true},
      {8, false},  // reordered, then replayed
      {kWindow + 20, true},
      {20, false},
      {21, true},
      {21, false},  // the window moves on: 21 is its oldest
  };
  ReplayWindow window;
  for (const auto& [id, accepted] : arrivals) EXPECT_EQ(window.accept(id), accepted) << "id " << id;
}

TEST(ReplayWindow, SaysWhyItRefuses) {
  ReplayWindow window(64);
  EXPECT_EQ(window.check(0), ReplayWindow::Verdict::replayed);
  EXPECT_EQ(window.check(100), ReplayWindow::Verdict::fresh);
  EXPECT_EQ(window.check(100), ReplayWindow::Verdict::replayed);
  EXPECT_EQ(window.check(37), ReplayWindow::Verdict::fresh);
  EXPECT_EQ(window.check(36), ReplayWindow::Verdict::too_old);
  EXPECT_EQ(window.highest(), 100U);
}

TEST(ReplayWindow, RoundsItsSizeUpAndLimitsIt) {
  EXPECT_EQ(ReplayWindow(0).size(), 64U);
  EXPECT_EQ(ReplayWindow(64).size(), 64U);
  EXPECT_EQ(ReplayWindow(65).size(), 128U);
  EXPECT_EQ(ReplayWindow(ReplayWindow::kMaxSize).size(), ReplayWindow::kMaxSize);
  EXPECT_EQ(ReplayWindow(10'000'000).size(), ReplayWindow::kMaxSize);
}

TEST(ReplayWindow, AcceptsAWholeWindowBackwards) {
  ReplayWindow window;
  const std::uint64_t highest = 3 * ReplayWindow::kSize + 17;
  for (std::uint64_t back = 0; back < ReplayWindow::kSize; ++back)
    ASSERT_TRUE(window.accept(highest - back)) << back;
  EXPECT_EQ(window.check(highest - ReplayWindow::kSize), ReplayWindow::Verdict::too_old);
}

TEST(ReplayWindow, ForgetsNothingAndInventsNothingOnJumpsOfAnyWidth) {
  for (std::uint64_t jump = 1; jump < 400; ++jump) {
    ReplayWindow window(128);
    for (std::uint64_t id = 1; id <= 200; ++id) ASSERT_TRUE(window.accept(id));
    ASSERT_TRUE(window.accept(200 + jump));
    ASSERT_FALSE(window.accept(200 + jump));
    for (std::uint64_t id = 200 + jump - 127; id < 200 + jump; ++id)
      ASSERT_EQ(window.accept(id), id > 200) << "id " << id << " after a jump of " << jump;
  }
}

TEST(ReplayWindow, ServesIdsOf64Bits) {
  ReplayWindow window;
  constexpr std::uint64_t kLast = ~std::uint64_t{0};
  EXPECT_TRUE(window.accept(0xFFFFFFFF));
  EXPECT_TRUE(window.accept(0x100000000));
  EXPECT_TRUE(window.accept(0xFFFFFFFE));
  EXPECT_FALSE(window.accept(0x100000000));
  EXPECT_TRUE(window.accept(kLast));
  EXPECT_FALSE(window.accept(kLast));
  EXPECT_TRUE(window.accept(kLast - 1));
  EXPECT_FALSE(window.accept(0x100000000));
}

TEST(ReplayWindow, EqualsASetOfAllIdsSeen) {
  std::mt19937_64 random(7);
  for (const std::size_t size : {64U, 192U, 2048U, 65536U}) {
    ReplayWindow window(size);
    std::set<std::uint64_t> seen;
    std::uint64_t base = 1;
    for (int i = 0; i < 50'000; ++i) {
      base += random() % 5 == 0 ? random() % (size / 2) : 1;
      const std::uint64_t back = random() % (size + size / 2);
      const std::uint64_t id = base > back ? base - back : base;
      const bool too_old = !seen.empty() && *seen.rbegin() >= id && *seen.rbegin() - id >= size;
      const bool expected = !too_old && !seen.contains(id);
      ASSERT_EQ(window.accept(id), expected) << "id " << id << ", window of " << size;
      if (!too_old) seen.insert(id);
    }
  }
}

}  // namespace
}  // namespace vpnd::proto
