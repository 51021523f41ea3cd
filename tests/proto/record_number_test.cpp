#include "proto/record_number.hpp"

#include <gtest/gtest.h>

#include <random>

namespace vpnd::proto {
namespace {

constexpr std::uint64_t kWindow = 8192;
constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

std::uint64_t inferred(std::uint64_t number, std::uint64_t highest) {
  return infer_record_number(static_cast<std::uint32_t>(number), highest, kWindow);
}

TEST(RecordNumber, IsRightAroundEveryBoundary) {
  for (const std::uint64_t boundary : {kTwo32, 2 * kTwo32, 77 * kTwo32, kTwo32 << 30}) {
    for (std::uint64_t highest = boundary - 10'000; highest < boundary + 10'000; highest += 7) {
      for (const std::uint64_t ahead : {0U, 1U, 2U, 100U, 8191U, 8192U, 100'000U, 1U << 31})
        ASSERT_EQ(inferred(highest + ahead, highest), highest + ahead) << highest << " + " << ahead;
      for (const std::uint64_t behind : {1U, 2U, 100U, 8190U, 8191U})
        ASSERT_EQ(inferred(highest - behind, highest), highest - behind) << highest << " - " << behind;
    }
  }
}

TEST(RecordNumber, BeginsBelowTheFirstBoundary) {
  EXPECT_EQ(inferred(1, 0), 1U);
  EXPECT_EQ(inferred(0xFFFFFFFF, 0), 0xFFFFFFFFU) << "the window must not reach below zero";
  EXPECT_EQ(inferred(0xFFFFFFFF, 5), 0xFFFFFFFFU);
  EXPECT_EQ(inferred(0xFFFFFFFF, kWindow - 1), 0xFFFFFFFFU);
  EXPECT_EQ(inferred(kTwo32, kWindow), kTwo32);
}

// RFC 4303 appendix A2.1 as it stands there, with two cases.
std::uint64_t slow_and_obvious(std::uint32_t seq, std::uint64_t highest) {
  const auto tl = static_cast<std::uint32_t>(highest);
  const auto th = highest >> 32;
  const auto bl = static_cast<std::uint32_t>(tl - kWindow + 1);
  std::uint64_t seqh;
  if (tl >= kWindow - 1) {
    seqh = seq >= bl ? th : th + 1;
  } else {
    seqh = seq >= bl && th > 0 ? th - 1 : th;
  }
  return seqh << 32 | seq;
}

TEST(RecordNumber, AgreesWithTheRfc) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto seq = static_cast<std::uint32_t>(random());
    std::uint64_t highest = random() >> (random() % 60 + 4);
    if (i % 2 == 0) highest = (highest & ~std::uint64_t{0xFFFFFFFF}) + random() % 20'000;
    if (i % 4 == 1) highest = (highest | 0xFFFFFFFF) - random() % 20'000;
    ASSERT_EQ(infer_record_number(seq, highest, kWindow), slow_and_obvious(seq, highest))
        << seq << " after " << highest;
  }
}

}  // namespace
}  // namespace vpnd::proto
