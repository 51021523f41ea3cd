#include "vpnd/routing/peer_ids.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace vpnd::routing {
namespace {

TEST(PeerIds, GoRoundBeforeOneIsUsedAgain) {
  PeerIds ids(3);
  EXPECT_EQ(ids.take(), PeerIndex{0});
  ids.give_back(PeerIndex{0});
  EXPECT_EQ(ids.take(), PeerIndex{1});
  EXPECT_EQ(ids.take(), PeerIndex{2});
  EXPECT_EQ(ids.take(), PeerIndex{0});
  EXPECT_EQ(ids.take(), std::nullopt);
  ids.give_back(PeerIndex{1});
  EXPECT_EQ(ids.take(), PeerIndex{1});
}

TEST(PeerIds, TakesAsManyInARowAsASessionHasLanes) {
  PeerIds ids(8);
  EXPECT_EQ(ids.take(), PeerIndex{0});
  EXPECT_EQ(ids.take(4), PeerIndex{1});
  EXPECT_EQ(ids.take(4), std::nullopt) << "5, 6 and 7 are too few, and nothing continues at 0";
  EXPECT_EQ(ids.take(3), PeerIndex{5});
  ids.give_back(PeerIndex{1}, 4);
  EXPECT_EQ(ids.take(2), PeerIndex{1});
  EXPECT_EQ(ids.take(3), std::nullopt);
  EXPECT_EQ(ids.take(2), PeerIndex{3});
}

TEST(PeerIds, GivesACertainOneOnlyIfItIsFree) {
  PeerIds ids(3);
  EXPECT_TRUE(ids.claim(PeerIndex{1}));
  EXPECT_FALSE(ids.claim(PeerIndex{1}));
  EXPECT_FALSE(ids.claim(PeerIndex{3})) << "there is no such id";
  EXPECT_EQ(ids.take(), PeerIndex{0});
  EXPECT_EQ(ids.take(), PeerIndex{2});
}

TEST(PeerIds, HasNoneForMoreLanesThanThereAreIds) {
  PeerIds ids(2);
  EXPECT_EQ(ids.take(3), std::nullopt);
  EXPECT_EQ(PeerIds(0).take(), std::nullopt);
}

TEST(PeerIds, NeverGivesOneToTwo) {
  constexpr std::uint32_t kCapacity = 64;
  std::mt19937 random(1);
  PeerIds ids(kCapacity);
  std::map<std::uint32_t, std::uint32_t> sessions;  // first → count
  for (int step = 0; step < 20'000; ++step) {
    if (!sessions.empty() && random() % 2 == 0) {
      const auto gone = std::next(sessions.begin(), static_cast<std::ptrdiff_t>(random() % sessions.size()));
      ids.give_back(PeerIndex{gone->first}, gone->second);
      sessions.erase(gone);
      continue;
    }
    const std::uint32_t count = 1 + static_cast<std::uint32_t>(random() % 16);
    const auto first = ids.take(count);
    std::set<std::uint32_t> taken;
    for (const auto& [begin, size] : sessions) {
      for (std::uint32_t id = begin; id < begin + size; ++id) taken.insert(id);
    }
    if (!first) {
      for (std::uint32_t id = 0, run = 0; id < kCapacity; ++id) {
        run = taken.contains(id) ? 0 : run + 1;
        ASSERT_LT(run, count) << "there was room";
      }
      continue;
    }
    for (std::uint32_t id = first->value; id < first->value + count; ++id) ASSERT_FALSE(taken.contains(id));
    ASSERT_LE(first->value + count, kCapacity);
    sessions[first->value] = count;
  }
}

}  // namespace
}  // namespace vpnd::routing
