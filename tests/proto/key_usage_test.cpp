#include "proto/key_usage.hpp"

#include <gtest/gtest.h>

namespace vpnd::proto {
namespace {

using crypto::AeadAlgorithm;

TEST(DataKeyLimits, AreThoseOfTheAlgorithm) {
  const DataKeyLimits gcm = DataKeyLimits::of(AeadAlgorithm::aes_256_gcm);
  EXPECT_EQ(gcm.max_blocks, std::uint64_t{1} << 36);
  EXPECT_EQ(gcm.rekey_blocks(), (std::uint64_t{1} << 33) * 7);
  EXPECT_EQ(gcm.rekey_failed_tags(), std::uint64_t{1} << 35);
  const DataKeyLimits chacha = DataKeyLimits::of(AeadAlgorithm::chacha20_poly1305);
  EXPECT_EQ(chacha.max_blocks, 0U);
  EXPECT_EQ(chacha.max_failed_tags, std::uint64_t{1} << 34);
}

TEST(KeyUsage, CountsEachPacketAndEachBlockBegun) {
  KeyUsage usage({.max_blocks = 32});
  usage.add_packet(0);   // 1
  usage.add_packet(1);   // 3
  usage.add_packet(16);  // 5
  usage.add_packet(17);  // 8
  EXPECT_TRUE(usage.allows(23 * 16));
  EXPECT_FALSE(usage.allows(23 * 16 + 1));
  usage.add_packet(18 * 16);  // 27
  EXPECT_FALSE(usage.wants_rekey());
  usage.add_packet(0);  // seven eighths
  EXPECT_TRUE(usage.wants_rekey());
}

TEST(KeyUsage, HasNoLimitOfBlocksWhereTheAlgorithmHasNone) {
  KeyUsage usage(DataKeyLimits::of(AeadAlgorithm::chacha20_poly1305));
  for (int i = 0; i < 1000; ++i) usage.add_packet(std::size_t{1} << 40);
  EXPECT_TRUE(usage.allows(65536));
  EXPECT_FALSE(usage.wants_rekey());
}

TEST(KeyUsage, WantsARekeyAtHalfTheFailedTags) {
  KeyUsage usage({.max_failed_tags = 4});
  usage.add_failed_tag();
  EXPECT_FALSE(usage.wants_rekey());
  usage.add_failed_tag();
  EXPECT_TRUE(usage.wants_rekey());
  usage.add_failed_tag();
  EXPECT_FALSE(usage.too_many_failed_tags());
  usage.add_failed_tag();
  EXPECT_TRUE(usage.too_many_failed_tags());
  EXPECT_EQ(usage.failed_tags(), 4U);
}

}  // namespace
}  // namespace vpnd::proto
