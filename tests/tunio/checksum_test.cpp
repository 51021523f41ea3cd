#include "tunio/checksum.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tunio/packet_builder.hpp"

namespace vpnd::tunio {
namespace {

using namespace test;

// The slow reference of the first n bytes, for every n, without being quadratic.
std::vector<std::uint16_t> slow_sums_of_prefixes(std::span<const std::byte> bytes) {
  std::vector<std::uint16_t> sums = {0};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::uint32_t sum = sums.back();
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    sums.push_back(static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16)));
  }
  return sums;
}

TEST(InternetSum, EqualsTheSlowReferenceForEveryLengthAndAlignment) {
  constexpr std::size_t kLongest = 9001;
  const Bytes bytes = pattern(kLongest + 64);
  for (const std::size_t alignment : {0U, 1U, 2U, 3U, 7U, 8U, 15U, 31U, 33U}) {
    const auto from = std::span(bytes).subspan(alignment);
    const auto expected = slow_sums_of_prefixes(from.first(kLongest));
    for (std::size_t length = 0; length <= kLongest; ++length) {
      ASSERT_EQ(InternetSum().add(from.first(length)).folded(), expected[length])
          << length << " bytes at alignment " << alignment;
    }
  }
}

TEST(InternetSum, CopiesWhatItAddsForEveryLength) {
  constexpr std::size_t kLongest = 9001;
  const Bytes bytes = pattern(kLongest + 3);
  const auto expected = slow_sums_of_prefixes(std::span(bytes).subspan(3));
  Bytes copy(kLongest + 1 + 8);
  for (std::size_t length = 0; length <= kLongest; length += length < 300 ? 1 : 37) {
    std::ranges::fill(copy, std::byte{0xee});
    const auto from = std::span(bytes).subspan(3, length);
    ASSERT_EQ(InternetSum().add_copying(from, copy.data() + 1).folded(), expected[length]) << length;
    ASSERT_TRUE(std::ranges::equal(std::span(copy).subspan(1, length), from)) << length;
    ASSERT_EQ(copy[0], std::byte{0xee});
    ASSERT_EQ(copy[length + 1], std::byte{0xee}) << "nothing behind the end is written, length " << length;
  }
}

TEST(InternetSum, CarriesOverBytesThatAreAllOnes) {
  const Bytes ones(65535, std::byte{0xff});
  EXPECT_EQ(InternetSum().add(ones).folded(), slow_sum(ones));
}

TEST(InternetSum, JoinsPiecesAndWords) {
  const Bytes bytes = pattern(1000);
  InternetSum pieces;
  pieces.add(std::span(bytes).first(20))
      .add(std::span(bytes).subspan(20, 500))
      .add(std::span(bytes).subspan(520));
  pieces.add_word(0x1234);
  InternetSum more;
  more.add_word(0xfedc);
  pieces += more;
  EXPECT_EQ(pieces.folded(), slow_sum(bytes, 0x1234 + 0xfedc));
  EXPECT_EQ(pieces.checksum(), static_cast<std::uint16_t>(~slow_sum(bytes, 0x1234 + 0xfedc)));
}

TEST(InternetSum, KnowsTheExampleOfRfc1071) {
  const Bytes example = bytes_of({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7});
  EXPECT_EQ(InternetSum().add(example).folded(), 0xddf2);
}

TEST(UpdatedChecksum, EqualsSummingAgain) {
  Bytes bytes = pattern(40);
  for (unsigned i = 0; i < 20000; ++i) {
    const std::uint16_t before = InternetSum().add(bytes).checksum();
    const std::uint16_t old_word = be16(bytes, 10);
    const auto new_word = static_cast<std::uint16_t>(i * 7919);
    put_be16(bytes, 10, new_word);
    ASSERT_EQ(updated_checksum(before, old_word, new_word), InternetSum().add(bytes).checksum());
  }
}

// RFC 1624, section 4: the earlier equation of RFC 1141 yields 0xffff here.
TEST(UpdatedChecksum, KnowsTheExampleOfRfc1624) {
  EXPECT_EQ(updated_checksum(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(PseudoHeaderSum, EqualsTheSlowReference) {
  for (const Family family : {Family::v4, Family::v6}) {
    const Bytes packet = Tcp{.family = family, .payload = pattern(100)}.packet();
    const auto view = IpPacket::parse(packet);
    ASSERT_TRUE(view);
    EXPECT_EQ(pseudo_header_sum(*view, view->transport().size()).folded(),
              slow_sum({}, slow_pseudo_header(packet)));
  }
}

ChecksumVerdict verdict(const Bytes& packet) {
  const auto view = IpPacket::parse(packet);
  return view ? verify_transport_checksum(*view) : ChecksumVerdict::absent;
}

TEST(VerifyTransportChecksum, AcceptsSoundPacketsAndSeesEveryFlippedByte) {
  const Bytes packets[] = {
      Tcp{.payload = pattern(201)}.packet(), Tcp{.family = Family::v6, .payload = pattern(200)}.packet(),
      Udp{.payload = pattern(33)}.packet(), Udp{.family = Family::v6, .payload = pattern(32)}.packet()};
  for (const Bytes& packet : packets) {
    ASSERT_EQ(verdict(packet), ChecksumVerdict::good);
    for (std::size_t i = ip_header_size(packet); i < packet.size(); ++i) {
      Bytes flipped = packet;
      flipped[i] ^= std::byte{0x10};
      EXPECT_EQ(verdict(flipped), ChecksumVerdict::bad) << "byte " << i;
    }
  }
}

TEST(VerifyTransportChecksum, FindsNoChecksumWhereThereIsNone) {
  Bytes without = Udp{.payload = pattern(20)}.packet();
  put_be16(without, 26, 0);
  EXPECT_EQ(verdict(without), ChecksumVerdict::absent);
  EXPECT_EQ(verdict(icmp_packet(20)), ChecksumVerdict::absent);

  Bytes fragment = Tcp{.payload = pattern(20)}.packet();
  put_be16(fragment, 6, 0x2000);
  EXPECT_EQ(verdict(fragment), ChecksumVerdict::absent);

  Bytes illegal = Udp{.family = Family::v6, .payload = pattern(20)}.packet();
  put_be16(illegal, 46, 0);
  EXPECT_EQ(verdict(illegal), ChecksumVerdict::bad) << "RFC 8200 wants one over IPv6";
}

TEST(VerifyTransportChecksum, RefusesHeadersThatDoNotFit) {
  Bytes udp = Udp{.payload = pattern(20)}.packet();
  put_be16(udp, 24, 29);
  EXPECT_EQ(verdict(udp), ChecksumVerdict::bad) << "UDP length beyond the packet";
  Bytes tcp = Tcp{}.packet();
  tcp.resize(39);
  put_be16(tcp, 2, 39);
  EXPECT_EQ(verdict(tcp), ChecksumVerdict::bad) << "half a TCP header";
}

TEST(VerifyHeaderChecksum, SeesEveryFlippedByteOfAnIpv4Header) {
  const Bytes packet = Tcp{}.packet();
  ASSERT_TRUE(verify_header_checksum(*IpPacket::parse(packet)));
  for (const std::size_t at : {1U, 4U, 8U, 10U, 15U, 19U}) {
    Bytes flipped = packet;
    flipped[at] ^= std::byte{1};
    EXPECT_FALSE(verify_header_checksum(*IpPacket::parse(flipped))) << "byte " << at;
  }
  EXPECT_TRUE(verify_header_checksum(*IpPacket::parse(Tcp{.family = Family::v6}.packet())));
}

}  // namespace
}  // namespace vpnd::tunio
