#include "tunio/turn_limit.hpp"

#include <gtest/gtest.h>

namespace vpnd::tunio {
namespace {

constexpr std::size_t kSlots = 64;
constexpr std::size_t kTurnBytes = std::size_t{1024} * 1024;
constexpr std::size_t kSuperPacket = std::size_t{64} * 1024;

// Turns that each take in all that was offered, of one size.
void turns(TurnLimit& limit, std::size_t count, std::size_t size) {
  for (std::size_t i = 0; i < count; ++i) limit.note(limit.slots(), limit.slots() * size);
}

TEST(TurnLimit, OffersAllSlotsAtFirst) {
  EXPECT_EQ(TurnLimit(kSlots, kTurnBytes).slots(), kSlots);
}

TEST(TurnLimit, OffersAsManySuperPacketsAsFillATurn) {
  TurnLimit limit(kSlots, kTurnBytes);
  turns(limit, 1, kSuperPacket);
  EXPECT_EQ(limit.slots(), kTurnBytes / kSuperPacket);
  turns(limit, 1000, kSuperPacket);
  EXPECT_EQ(limit.slots(), kTurnBytes / kSuperPacket);
}

TEST(TurnLimit, OffersAllSlotsToSmallPackets) {
  TurnLimit limit(kSlots, kTurnBytes);
  turns(limit, 10, kSuperPacket);
  turns(limit, 40, 64);
  EXPECT_EQ(limit.slots(), kSlots);
}

TEST(TurnLimit, IsNotMisledByALoneSmallPacket) {
  TurnLimit limit(kSlots, kTurnBytes);
  turns(limit, 10, kSuperPacket);
  limit.note(1, 52);
  EXPECT_LE(limit.slots(), kTurnBytes / kSuperPacket + 1);
}

TEST(TurnLimit, TakesNothingFromATurnWithoutArrivals) {
  TurnLimit limit(kSlots, kTurnBytes);
  turns(limit, 3, kSuperPacket);
  const std::size_t before = limit.slots();
  limit.note(0, 0);
  EXPECT_EQ(limit.slots(), before);
}

TEST(TurnLimit, OffersSomethingHoweverSmallTheTurn) {
  TurnLimit limit(kSlots, 1);
  turns(limit, 3, kSuperPacket);
  EXPECT_EQ(limit.slots(), 2U);
  TurnLimit single(1, 1);
  turns(single, 3, kSuperPacket);
  EXPECT_EQ(single.slots(), 1U);
}

}  // namespace
}  // namespace vpnd::tunio
