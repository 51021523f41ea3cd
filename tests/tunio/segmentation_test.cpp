#include "tunio/segmentation.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tunio/packet_builder.hpp"

namespace vpnd::tunio {
namespace {

using namespace test;

VirtioNetHeader gso(std::uint8_t type, std::uint16_t size) {
  return {.flags = kVirtioNeedsChecksum, .gso_type = type, .gso_size = size};
}

std::vector<Bytes> split(const VirtioNetHeader& header, const Bytes& packet) {
  const auto segmenter = Segmenter::parse(header, packet);
  std::vector<Bytes> segments;
  if (!segmenter) return segments;
  for (std::size_t i = 0; i < segmenter->count(); ++i) {
    Bytes segment(segmenter->segment_size(i));
    segmenter->write(i, segment.data());
    segments.push_back(std::move(segment));
  }
  return segments;
}

Tcp super_packet(Family family, std::size_t payload) {
  return {.family = family,
          .sequence = 0xfffffff0,  // wraps on the way
          .flags = kAck | kPsh | kFin | kCwr,
          .options = bytes_of({1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}),
          .ip_id = 0xfffe,
          .payload = pattern(payload)};
}

// What the segments of a TCP super-packet must be, built from scratch.
std::vector<Bytes> expected_segments(Tcp whole, std::size_t size) {
  const Bytes payload = whole.payload;
  const std::uint8_t flags = whole.flags;
  std::vector<Bytes> segments;
  for (std::size_t at = 0; at == 0 || at < payload.size(); at += size) {
    const std::size_t end = std::min(payload.size(), at + size);
    whole.payload = Bytes(payload.begin() + static_cast<std::ptrdiff_t>(at),
                          payload.begin() + static_cast<std::ptrdiff_t>(end));
    whole.flags = flags;
    if (at > 0) whole.flags &= static_cast<std::uint8_t>(~kCwr);
    if (end < payload.size()) whole.flags &= static_cast<std::uint8_t>(~(kFin | kPsh));
    segments.push_back(whole.packet());
    whole.sequence += static_cast<std::uint32_t>(size);
    ++whole.ip_id;
  }
  return segments;
}

TEST(Segmenter, CutsTcpIntoThePacketsThatTheSenderWouldHaveSent) {
  for (const Family family : {Family::v4, Family::v6}) {
    const std::uint8_t type = family == Family::v4 ? kVirtioGsoTcpV4 : kVirtioGsoTcpV6;
    for (const std::size_t payload : {0U, 1U, 99U, 100U, 101U, 199U, 200U, 1448U, 4321U, 65000U}) {
      for (const std::size_t size : {100U, 536U, 1448U}) {
        const Tcp whole = super_packet(family, payload);
        Bytes packet = whole.packet();
        make_partial(packet);
        ASSERT_EQ(split(gso(type, static_cast<std::uint16_t>(size)), packet), expected_segments(whole, size))
            << payload << " bytes in segments of " << size;
      }
    }
  }
}

TEST(Segmenter, MakesSegmentsOfEqualSizeAndSoundChecksums) {
  Bytes packet = super_packet(Family::v4, 64000).packet();
  make_partial(packet);
  const auto segments = split(gso(kVirtioGsoTcpV4, 1448), packet);
  ASSERT_EQ(segments.size(), 45U);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    EXPECT_TRUE(is_sound(segments[i])) << "segment " << i;
    if (i + 1 < segments.size()) {
      EXPECT_EQ(segments[i].size(), 20U + 32U + 1448U);
    }
  }
  EXPECT_EQ(segments.back().size(), 20U + 32U + 64000U % 1448U);
}

TEST(Segmenter, CutsUdpIntoDatagrams) {
  for (const Family family : {Family::v4, Family::v6}) {
    const Bytes payload = pattern(2500);
    Bytes packet = Udp{.family = family, .ip_id = 7, .payload = payload}.packet();
    make_partial(packet);
    const auto segments = split(gso(kVirtioGsoUdpL4, 1000), packet);
    ASSERT_EQ(segments.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto begin = payload.begin() + static_cast<std::ptrdiff_t>(i * 1000);
      const Bytes part(begin, i < 2 ? begin + 1000 : payload.end());
      EXPECT_EQ(
          segments[i],
          (Udp{.family = family, .ip_id = static_cast<std::uint16_t>(7 + i), .payload = part}.packet()));
    }
  }
}

TEST(Segmenter, PassesAPlainPacketUnchanged) {
  const Bytes packet = Tcp{.payload = pattern(300)}.packet();
  EXPECT_EQ(split({}, packet), std::vector<Bytes>{packet});
  EXPECT_EQ(split({.flags = kVirtioDataValid}, packet), std::vector<Bytes>{packet});
}

TEST(Segmenter, FinishesAPartialChecksum) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const std::size_t payload : {0U, 1U, 2U, 301U}) {
      const Bytes tcp = Tcp{.family = family, .payload = pattern(payload)}.packet();
      const Bytes udp = Udp{.family = family, .payload = pattern(payload)}.packet();
      Bytes partial_tcp = tcp, partial_udp = udp;
      make_partial(partial_tcp);
      make_partial(partial_udp);
      const auto start = static_cast<std::uint16_t>(ip_header_size(tcp));
      VirtioNetHeader header = {.flags = kVirtioNeedsChecksum, .csum_start = start, .csum_offset = 16};
      EXPECT_EQ(split(header, partial_tcp), std::vector<Bytes>{tcp});
      header.csum_offset = 6;
      EXPECT_EQ(split(header, partial_udp), std::vector<Bytes>{udp});
    }
  }
}

// A payload can be chosen so that the sum comes out as zero, which UDP takes for "no checksum".
TEST(Segmenter, SendsAUdpChecksumOfZeroAsAllOnes) {
  Bytes packet = Udp{.payload = Bytes(2)}.packet();
  put_be16(packet, 28, be16(packet, 26));  // the payload makes up what the checksum had to
  fix_checksums(packet);
  ASSERT_EQ(be16(packet, 26), 0xffff);
  Bytes partial = packet;
  make_partial(partial);
  const VirtioNetHeader plain = {.flags = kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 6};
  EXPECT_EQ(split(plain, partial), std::vector<Bytes>{packet});
  EXPECT_EQ(split(gso(kVirtioGsoUdpL4, 100), partial), std::vector<Bytes>{packet});
}

TEST(Segmenter, MeasuresHeadersItselfWhateverHdrLenSays) {
  const Tcp whole = super_packet(Family::v4, 3000);
  Bytes packet = whole.packet();
  make_partial(packet);
  VirtioNetHeader header = gso(kVirtioGsoTcpV4, 1000);
  for (const std::uint16_t lie : std::initializer_list<std::uint16_t>{0, 20, 54, 1500, 65535}) {
    header.hdr_len = lie;
    EXPECT_EQ(split(header, packet), expected_segments(whole, 1000)) << "hdr_len " << lie;
  }
}

TEST(Segmenter, AcceptsTheEcnBitOfTcp) {
  const Tcp whole = super_packet(Family::v4, 3000);
  EXPECT_EQ(split(gso(kVirtioGsoTcpV4 | kVirtioGsoEcn, 1000), whole.packet()),
            expected_segments(whole, 1000));
}

TEST(Segmenter, CutsBehindIpv6ExtensionHeaders) {
  const Bytes plain = Tcp{.family = Family::v6, .payload = pattern(250)}.packet();
  Bytes packet(plain.begin(), plain.begin() + 40);
  const Bytes destination_options = bytes_of({6, 0, 1, 4, 0, 0, 0, 0});
  packet.insert(packet.end(), destination_options.begin(), destination_options.end());
  packet.insert(packet.end(), plain.begin() + 40, plain.end());
  packet[6] = std::byte{60};
  put_be16(packet, 4, be16(packet, 4) + 8U);

  const auto segments = split(gso(kVirtioGsoTcpV6, 100), packet);
  ASSERT_EQ(segments.size(), 3U);
  for (const Bytes& segment : segments) {
    Bytes without(segment.begin(), segment.begin() + 40);
    without.insert(without.end(), segment.begin() + 48, segment.end());
    without[6] = std::byte{6};
    put_be16(without, 4, be16(without, 4) - 8U);
    EXPECT_TRUE(is_sound(without));
  }
}

TEST(Segmenter, LeavesOutBytesBehindTheTotalLength) {
  Bytes packet = Tcp{.payload = pattern(150)}.packet();
  const Tcp whole{.payload = pattern(150)};
  packet.resize(packet.size() + 9, std::byte{0xaa});
  EXPECT_EQ(split(gso(kVirtioGsoTcpV4, 100), packet), expected_segments(whole, 100));
}

TEST(Segmenter, RefusesWhatDoesNotFitTogether) {
  const Bytes tcp4 = Tcp{.payload = pattern(500)}.packet();
  const Bytes tcp6 = Tcp{.family = Family::v6, .payload = pattern(500)}.packet();
  const Bytes udp = Udp{.payload = pattern(500)}.packet();
  Bytes fragment = tcp4, long_header = tcp4, long_total = tcp4, cut(tcp4.begin(), tcp4.begin() + 30);
  put_be16(fragment, 6, 0x2000);
  long_header[32] = std::byte{0xf0};
  long_header.resize(20 + 40);
  put_be16(long_header, 2, 60);
  put_be16(long_total, 2, 541);
  const Bytes short_udp = [] {
    Bytes packet = Udp{}.packet();
    packet.resize(27);
    put_be16(packet, 2, 27);
    return packet;
  }();
  const VirtioNetHeader start_in_header = {.flags = 1, .csum_start = 10, .csum_offset = 6};
  const VirtioNetHeader field_outside = {.flags = 1, .csum_start = 539, .csum_offset = 0};
  const VirtioNetHeader far_outside = {.flags = 1, .csum_start = 65535, .csum_offset = 65535};
  const struct {
    const char* why;
    VirtioNetHeader header;
    Bytes packet;
  } cases[] = {
      {"segments of nothing", gso(kVirtioGsoTcpV4, 0), tcp4},
      {"TCP over the other family", gso(kVirtioGsoTcpV6, 100), tcp4},
      {"TCP over the other family", gso(kVirtioGsoTcpV4, 100), tcp6},
      {"not TCP", gso(kVirtioGsoTcpV4, 100), udp},
      {"not UDP", gso(kVirtioGsoUdpL4, 100), tcp4},
      {"UFO, which is obsolete", gso(3, 100), udp},
      {"an unknown kind", gso(77, 100), tcp4},
      {"a fragment", gso(kVirtioGsoTcpV4, 100), fragment},
      {"a TCP header larger than the packet", gso(kVirtioGsoTcpV4, 100), long_header},
      {"half a UDP header", gso(kVirtioGsoUdpL4, 100), short_udp},
      {"more than was read", gso(kVirtioGsoTcpV4, 100), long_total},
      {"half a packet", gso(kVirtioGsoTcpV4, 100), cut},
      {"no packet", {}, {}},
      {"a checksum in the IP header", start_in_header, tcp4},
      {"a checksum field half outside", field_outside, tcp4},
      {"a checksum field far outside", far_outside, tcp4},
  };
  for (const auto& [why, header, packet] : cases) EXPECT_FALSE(Segmenter::parse(header, packet)) << why;
}

}  // namespace
}  // namespace vpnd::tunio
