// Which pairs of packets the coalescer joins, one rule after the other.

#include <gtest/gtest.h>

#include "tests/tunio/packet_builder.hpp"
#include "tunio/coalescer.hpp"

namespace vpnd::tunio {
namespace {

using namespace test;

std::size_t outputs_of(std::vector<Bytes> packets, InnerChecksum checksum = InnerChecksum::unverified) {
  Coalescer coalescer(Coalescer::UdpMerging::on);
  for (Bytes& packet : packets) EXPECT_TRUE(coalescer.add(packet, checksum));
  return coalescer.finish().size();
}

bool joined(const Bytes& first, const Bytes& second) {
  return outputs_of({first, second}) == 1;
}

const Tcp kFirst = {.sequence = 5000, .ip_id = 9, .payload = pattern(100)};

Tcp following() {
  Tcp packet = kFirst;
  packet.sequence += 100;
  packet.ip_id = 10;
  return packet;
}

TEST(CoalescerRules, JoinPacketsThatFollowOneAnother) {
  EXPECT_TRUE(joined(kFirst.packet(), following().packet()));
  Tcp six = kFirst, next_six = following();
  six.family = next_six.family = Family::v6;
  EXPECT_TRUE(joined(six.packet(), next_six.packet()));
}

TEST(CoalescerRules, KeepTcpPacketsApartThatDifferInWhatIsStatedOnce) {
  const struct {
    const char* why;
    void (*change)(Tcp&);
  } cases[] = {
      {"a gap", [](Tcp& p) { ++p.sequence; }},
      {"a repetition", [](Tcp& p) { p.sequence -= 100; }},
      {"another acknowledgement", [](Tcp& p) { ++p.acknowledgement; }},
      {"another window", [](Tcp& p) { ++p.window; }},
      {"another source port", [](Tcp& p) { ++p.source_port; }},
      {"another destination port", [](Tcp& p) { ++p.destination_port; }},
      {"congestion experienced", [](Tcp& p) { p.tos = 3; }},
      {"another TTL", [](Tcp& p) { --p.ttl; }},
      {"more options", [](Tcp& p) { p.options = Bytes(4, std::byte{1}); }},
      {"a larger payload", [](Tcp& p) { p.payload = pattern(101); }},
      {"no payload", [](Tcp& p) { p.payload.clear(); }},
      {"fragmentable", [](Tcp& p) { p.dont_fragment = false; }},
      {"FIN", [](Tcp& p) { p.flags |= kFin; }},
      {"SYN", [](Tcp& p) { p.flags |= kSyn; }},
      {"CWR", [](Tcp& p) { p.flags |= kCwr; }},
      {"RST", [](Tcp& p) { p.flags |= 0x04; }},
      {"URG", [](Tcp& p) { p.flags |= 0x20; }},
      {"no ACK", [](Tcp& p) { p.flags = 0; }},
  };
  for (const auto& [why, change] : cases) {
    Tcp second = following();
    change(second);
    EXPECT_FALSE(joined(kFirst.packet(), second.packet())) << why;
  }
}

TEST(CoalescerRules, KeepDifferentTimestampsApart) {
  Tcp first = kFirst, second = following();
  first.options = bytes_of({1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2});
  second.options = bytes_of({1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 3});
  EXPECT_FALSE(joined(first.packet(), second.packet()));
  second.options = first.options;
  EXPECT_TRUE(joined(first.packet(), second.packet()));
}

TEST(CoalescerRules, WantConsecutiveIdsOfFragmentablePackets) {
  Tcp first = kFirst, second = following();
  first.dont_fragment = second.dont_fragment = false;
  EXPECT_TRUE(joined(first.packet(), second.packet()));
  second.ip_id = 11;
  EXPECT_FALSE(joined(first.packet(), second.packet()));
  first.ip_id = 0xffff;
  second.ip_id = 0;
  EXPECT_TRUE(joined(first.packet(), second.packet())) << "ids wrap";
}

TEST(CoalescerRules, LetAPushAndAShortSegmentBeTheLast) {
  Tcp first = kFirst;
  first.flags |= kPsh;
  EXPECT_FALSE(joined(first.packet(), following().packet())) << "pushed";

  Tcp short_one = following(), third = following();
  short_one.payload = pattern(60);
  third.sequence = short_one.sequence + 60;
  third.payload = pattern(60);
  EXPECT_EQ(outputs_of({kFirst.packet(), short_one.packet(), third.packet()}), 2U);
}

TEST(CoalescerRules, MergeNothingWhoseChecksumIsWrong) {
  Bytes damaged = following().packet();
  damaged.back() ^= std::byte{1};
  EXPECT_FALSE(joined(kFirst.packet(), damaged)) << "the second";
  Bytes damaged_first = kFirst.packet();
  damaged_first.back() ^= std::byte{1};
  EXPECT_FALSE(joined(damaged_first, following().packet())) << "the first";
  Bytes damaged_header = following().packet();
  damaged_header[10] ^= std::byte{1};
  EXPECT_FALSE(joined(kFirst.packet(), damaged_header)) << "the IPv4 header";
  EXPECT_EQ(outputs_of({kFirst.packet(), damaged}, InnerChecksum::verified), 1U)
      << "unless somebody vouches for it";
}

TEST(CoalescerRules, LeaveFragmentsOptionsAndExtensionHeadersAlone) {
  const auto with = [](void (*change)(Bytes&)) {
    Bytes packet = following().packet();
    change(packet);
    fix_checksums(packet);
    return packet;
  };
  EXPECT_FALSE(joined(kFirst.packet(), with([](Bytes& p) { put_be16(p, 6, 0x6000); }))) << "more fragments";
  EXPECT_FALSE(joined(kFirst.packet(), with([](Bytes& p) { put_be16(p, 6, 0x4001); }))) << "a later fragment";
  EXPECT_FALSE(joined(kFirst.packet(), with([](Bytes& p) { put_be16(p, 6, 0xc000); }))) << "the reserved bit";
  EXPECT_FALSE(joined(kFirst.packet(), with([](Bytes& p) { p[0] = std::byte{0x46}; }))) << "IPv4 options";
  Bytes trailing = following().packet();
  trailing.push_back(std::byte{0});
  EXPECT_FALSE(joined(kFirst.packet(), trailing)) << "bytes behind the packet";
}

const Udp kDatagram = {.ip_id = 9, .payload = pattern(100)};

TEST(CoalescerRules, JoinEqualDatagramsOfAFlow) {
  for (const Family family : {Family::v4, Family::v6}) {
    Udp first = kDatagram, second = kDatagram;
    first.family = second.family = family;
    EXPECT_TRUE(joined(first.packet(), second.packet()));
    second.payload = pattern(101);
    EXPECT_FALSE(joined(first.packet(), second.packet())) << "larger";
    second.payload = pattern(99);
    EXPECT_EQ(outputs_of({first.packet(), second.packet(), second.packet()}), 2U)
        << "a short one is the last";
    second = first;
    ++second.source_port;
    EXPECT_FALSE(joined(first.packet(), second.packet())) << "another flow";
  }
}

TEST(CoalescerRules, LeaveOddDatagramsAlone) {
  Bytes unsummed = kDatagram.packet();
  put_be16(unsummed, 26, 0);
  EXPECT_FALSE(joined(unsummed, unsummed)) << "no checksum to verify";
  Udp nothing = kDatagram;
  nothing.payload.clear();
  EXPECT_FALSE(joined(nothing.packet(), nothing.packet()));
  Bytes wrong_length = kDatagram.packet();
  put_be16(wrong_length, 24, 107);
  EXPECT_FALSE(joined(wrong_length, wrong_length));
}

TEST(CoalescerRules, DoNotMergeUdpForATunThatCannotTakeIt) {
  Coalescer coalescer(Coalescer::UdpMerging::off);
  Bytes one = kDatagram.packet(), two = kDatagram.packet();
  ASSERT_TRUE(coalescer.add(one, InnerChecksum::unverified));
  ASSERT_TRUE(coalescer.add(two, InnerChecksum::unverified));
  EXPECT_EQ(coalescer.finish().size(), 2U);
}

TEST(CoalescerRules, DoNotMergeTcpWhereThatIsNotWanted) {
  Coalescer coalescer(Coalescer::UdpMerging::on, Coalescer::kDefaultCapacity, Coalescer::TcpMerging::off);
  Bytes one = Tcp{.sequence = 1, .payload = pattern(100)}.packet();
  Bytes two = Tcp{.sequence = 101, .payload = pattern(100)}.packet();
  ASSERT_TRUE(coalescer.add(one, InnerChecksum::unverified));
  ASSERT_TRUE(coalescer.add(two, InnerChecksum::unverified));
  EXPECT_EQ(coalescer.finish().size(), 2U);
}

}  // namespace
}  // namespace vpnd::tunio
