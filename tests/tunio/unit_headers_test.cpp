#include "tunio/unit_headers.hpp"

#include <gtest/gtest.h>

#include "tests/tunio/packet_builder.hpp"
#include "tunio/segmentation.hpp"

namespace vpnd::tunio {
namespace {

using test::Bytes;
using test::Family;
using test::pattern;
using test::Tcp;
using test::Udp;

constexpr std::uint16_t kSegment = 1000;

// A super-packet as tun would hand it over, and what its sender says of it.
struct Example {
  VirtioNetHeader header;
  Bytes packet;
  UnitDescription description;
  std::size_t header_size;

  std::span<const std::byte> headers() const { return std::span(packet).first(header_size); }
  std::optional<UnitHeaders> parsed() const { return UnitHeaders::parse(description, headers()); }
};

Example tcp_example(Family family, std::size_t payload_size, std::uint8_t flags = test::kAck) {
  Example example;
  example.packet = Tcp{.family = family,
                       .flags = flags,
                       .options = Bytes(12, std::byte{1}),
                       .payload = pattern(payload_size)}
                       .packet();
  test::make_partial(example.packet);
  const bool is_v4 = family == Family::v4;
  example.header_size = (is_v4 ? 20U : 40U) + 32;
  example.header = {.flags = kVirtioNeedsChecksum,
                    .gso_type = is_v4 ? kVirtioGsoTcpV4 : kVirtioGsoTcpV6,
                    .hdr_len = static_cast<std::uint16_t>(example.header_size),
                    .gso_size = kSegment,
                    .csum_start = static_cast<std::uint16_t>(is_v4 ? 20 : 40),
                    .csum_offset = 16};
  example.description = {.kind = is_v4 ? UnitKind::tcp_v4 : UnitKind::tcp_v6,
                         .checksum_partial = true,
                         .segment_size = kSegment,
                         .payload_size = static_cast<std::uint16_t>(payload_size)};
  return example;
}

Example udp_example(Family family, std::size_t payload_size) {
  Example example;
  example.packet = Udp{.family = family, .payload = pattern(payload_size)}.packet();
  test::make_partial(example.packet);
  const bool is_v4 = family == Family::v4;
  example.header_size = (is_v4 ? 20U : 40U) + 8;
  example.header = {.flags = kVirtioNeedsChecksum,
                    .gso_type = kVirtioGsoUdpL4,
                    .hdr_len = static_cast<std::uint16_t>(example.header_size),
                    .gso_size = kSegment,
                    .csum_start = static_cast<std::uint16_t>(is_v4 ? 20 : 40),
                    .csum_offset = 6};
  example.description = {.kind = UnitKind::udp,
                         .checksum_partial = true,
                         .segment_size = kSegment,
                         .payload_size = static_cast<std::uint16_t>(payload_size)};
  return example;
}

// What the receiving kernel would put on a wire.
std::vector<Bytes> segments_of(const VirtioNetHeader& header, const Bytes& packet) {
  const auto segmenter = Segmenter::parse(header, packet);
  std::vector<Bytes> segments;
  for (std::size_t i = 0; segmenter && i < segmenter->count(); ++i) {
    segments.emplace_back(segmenter->segment_size(i));
    segmenter->write(i, segments.back().data());
  }
  return segments;
}

// The packet that carries [offset, offset + size) of the payload.
std::pair<VirtioNetHeader, Bytes> cut(const Example& example, std::size_t offset, std::size_t size) {
  Bytes packet(example.header_size);
  const auto [header, header_size] = example.parsed()->write_cut(offset, size, packet.data());
  EXPECT_EQ(header_size, example.header_size);
  const auto payload = std::span(example.packet).subspan(example.header_size + offset, size);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return {header, packet};
}

std::vector<Example> examples() {
  return {tcp_example(Family::v4, 5500), tcp_example(Family::v6, 5500), udp_example(Family::v4, 5500),
          udp_example(Family::v6, 5500)};
}

TEST(UnitHeaders, GivesBackTheHeaderThatTunHadGiven) {
  for (const Example& example : examples()) {
    const auto headers = example.parsed();
    ASSERT_TRUE(headers);
    EXPECT_EQ(headers->virtio_header(), example.header);
    EXPECT_EQ(headers->total_size(), example.packet.size());
  }
}

TEST(UnitHeaders, CutsIntoTheSegmentsThatTheWholeWouldHaveBecome) {
  for (const Example& example : examples()) {
    const auto whole = segments_of(example.header, example.packet);
    ASSERT_EQ(whole.size(), 6U);
    std::vector<Bytes> in_parts;
    for (const auto& [offset, size] : {std::pair{0U, 2000U}, {2000U, 1000U}, {3000U, 2500U}}) {
      const auto [header, packet] = cut(example, offset, size);
      for (Bytes& segment : segments_of(header, packet)) in_parts.push_back(std::move(segment));
    }
    EXPECT_EQ(in_parts, whole);
  }
}

TEST(UnitHeaders, CutsTcpAnywhereAndUdpBetweenDatagramsOnly) {
  const auto tcp = tcp_example(Family::v4, 5500).parsed();
  EXPECT_TRUE(tcp->can_cut(7, 13));
  const auto udp = udp_example(Family::v4, 5500).parsed();
  EXPECT_TRUE(udp->can_cut(1000, 3000));
  EXPECT_TRUE(udp->can_cut(5000, 500));
  EXPECT_FALSE(udp->can_cut(7, 1000));
  EXPECT_FALSE(udp->can_cut(0, 1500));
}

TEST(UnitHeaders, LeavesPushAndFinToTheEndAndCwrToTheBeginning) {
  constexpr std::size_t kFlagsAt = 20 + 13;
  const Example example = tcp_example(Family::v4, 5500, test::kAck | test::kPsh | test::kFin | test::kCwr);
  EXPECT_EQ(cut(example, 0, 1000).second[kFlagsAt], std::byte{test::kAck | test::kCwr});
  EXPECT_EQ(cut(example, 1000, 1000).second[kFlagsAt], std::byte{test::kAck});
  EXPECT_EQ(cut(example, 5000, 500).second[kFlagsAt], std::byte{test::kAck | test::kPsh | test::kFin});
}

TEST(UnitHeaders, SaysOfTheFirstPartAloneThatItCarriesCwr) {
  Example example = tcp_example(Family::v4, 5500, test::kAck | test::kCwr);
  example.description.congestion = CongestionMark::present;
  EXPECT_EQ(example.parsed()->virtio_header().gso_type, kVirtioGsoTcpV4 | kVirtioGsoEcn);
  EXPECT_EQ(cut(example, 0, 2000).first.gso_type, kVirtioGsoTcpV4 | kVirtioGsoEcn);
  EXPECT_EQ(cut(example, 2000, 2000).first.gso_type, kVirtioGsoTcpV4);
}

TEST(UnitHeaders, CutsAPlainTcpPacketToo) {
  Example example = tcp_example(Family::v6, 5500);
  example.description.kind = UnitKind::plain;
  example.description.segment_size = 0;
  const auto [header, packet] = cut(example, 1234, 777);
  EXPECT_EQ(header.gso_type, kVirtioGsoNone);
  const auto sent = segments_of(header, packet);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(test::is_sound(sent[0]));
  EXPECT_EQ(test::be32(sent[0], 40 + 4), 1000U + 1234);
}

TEST(UnitHeaders, TakesTheIpHeaderAloneForAPlainPacketOfAnyProtocol) {
  const Bytes icmp = test::icmp_packet(3000);
  const UnitDescription description{.payload_size = static_cast<std::uint16_t>(icmp.size() - 20)};
  const auto headers = UnitHeaders::parse(description, std::span(icmp).first(20));
  ASSERT_TRUE(headers);
  EXPECT_FALSE(headers->can_cut());
  EXPECT_EQ(headers->virtio_header(), VirtioNetHeader{});
  Bytes with_options = icmp;
  with_options[0] = std::byte{0x46};
  EXPECT_FALSE(UnitHeaders::parse(description, std::span(with_options).first(20)));
  const UnitDescription shorter{.payload_size = static_cast<std::uint16_t>(icmp.size() - 24)};
  EXPECT_TRUE(UnitHeaders::parse(shorter, std::span(with_options).first(24)));
}

TEST(UnitHeaders, RefusesWhatContradictsItself) {
  const Example good = tcp_example(Family::v4, 5500);
  const auto refused = [&](auto&& spoil) {
    Example bad = good;
    spoil(bad);
    return !bad.parsed();
  };
  EXPECT_TRUE(refused([](Example& e) { e.description.payload_size -= 1; }));
  EXPECT_TRUE(refused([](Example& e) { e.description.segment_size = 0; }));
  EXPECT_TRUE(refused([](Example& e) { e.description.kind = UnitKind::tcp_v6; }));
  EXPECT_TRUE(refused([](Example& e) { e.description.kind = UnitKind::udp; }));
  EXPECT_TRUE(refused([](Example& e) { e.header_size -= 1; }));
  EXPECT_TRUE(refused([](Example& e) { e.header_size = 20; }));
  EXPECT_TRUE(refused([](Example& e) { e.header_size = 19; }));
  EXPECT_TRUE(refused([](Example& e) { e.packet[0] = std::byte{0x46}; }));
  EXPECT_TRUE(refused([](Example& e) { e.packet[0] = std::byte{0x55}; }));
  EXPECT_TRUE(refused([](Example& e) { e.packet[6] = std::byte{0x20}; }));  // a fragment
  EXPECT_TRUE(refused([](Example& e) { e.packet[9] = std::byte{kProtocolUdp}; }));
  EXPECT_TRUE(refused([](Example& e) { e.packet[20 + 12] = std::byte{0xf0}; }));  // TCP header size
}

// Nothing behind the given bytes is read, whatever they say: for the sanitizers.
TEST(UnitHeaders, StaysWithinItsBytes) {
  for (const Example& example : examples()) {
    for (std::size_t size = 0; size <= example.header_size; ++size) {
      const Bytes short_headers(example.packet.begin(),
                                example.packet.begin() + static_cast<std::ptrdiff_t>(size));
      const bool whole = size == example.header_size;
      EXPECT_EQ(UnitHeaders::parse(example.description, short_headers).has_value(), whole);
    }
  }
}

}  // namespace
}  // namespace vpnd::tunio
