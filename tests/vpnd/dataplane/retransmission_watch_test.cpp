#include "vpnd/dataplane/retransmission_watch.hpp"

#include <gtest/gtest.h>

#include "tests/tunio/packet_builder.hpp"

namespace vpnd::dataplane {
namespace {

using tunio::test::Family;
using tunio::test::pattern;
using tunio::test::Tcp;
using tunio::test::Udp;

bool repeats(RetransmissionWatch& watch, const tunio::test::Bytes& packet) {
  const auto view = tunio::IpPacket::parse(packet);
  EXPECT_TRUE(view);
  return watch.repeats(*view);
}

TEST(RetransmissionWatch, TakesWhatFollowsForNew) {
  for (const Family family : {Family::v4, Family::v6}) {
    RetransmissionWatch watch;
    std::uint32_t sequence = 0xffffe000;
    for (int i = 0; i < 20; ++i, sequence += 1000) {
      EXPECT_FALSE(
          repeats(watch, Tcp{.family = family, .sequence = sequence, .payload = pattern(1000)}.packet()))
          << "also where the numbers begin anew";
    }
  }
}

TEST(RetransmissionWatch, SeesWhatIsSentAgain) {
  for (const Family family : {Family::v4, Family::v6}) {
    RetransmissionWatch watch;
    const auto sent = [&](std::uint32_t sequence, std::size_t size) {
      return repeats(watch, Tcp{.family = family, .sequence = sequence, .payload = pattern(size)}.packet());
    };
    EXPECT_FALSE(sent(1000, 5000));
    EXPECT_TRUE(sent(2000, 1000));
    EXPECT_FALSE(sent(6000, 1000)) << "goes on where it was before";
    EXPECT_TRUE(sent(6999, 1000)) << "a byte of it";
    EXPECT_FALSE(sent(7999, 1));
  }
}

TEST(RetransmissionWatch, KeepsConnectionsApart) {
  RetransmissionWatch watch;
  EXPECT_FALSE(repeats(watch, Tcp{.sequence = 9000, .payload = pattern(100)}.packet()));
  Tcp other{.sequence = 100, .payload = pattern(100)};
  other.source_port = 4711;
  EXPECT_FALSE(repeats(watch, other.packet()));
}

TEST(RetransmissionWatch, LearnsNothingFromOtherPackets) {
  RetransmissionWatch watch;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(repeats(watch, Tcp{.sequence = 1000, .payload = {}}.packet())) << "acknowledgements repeat";
    EXPECT_FALSE(repeats(watch, Udp{.payload = pattern(100)}.packet()));
    EXPECT_FALSE(repeats(watch, tunio::test::icmp_packet(100)));
  }
}

}  // namespace
}  // namespace vpnd::dataplane
