#include "tunio/coalescer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tunio/packet_builder.hpp"
#include "tunio/segmentation.hpp"

namespace vpnd::tunio {
namespace {

using namespace test;

using Streams = std::vector<std::vector<Bytes>>;

Bytes gathered(const TunWrite& write) {
  Bytes bytes;
  for (const iovec& part : write.parts) {
    const auto* begin = static_cast<const std::byte*>(part.iov_base);
    bytes.insert(bytes.end(), begin, begin + part.iov_len);
  }
  return bytes;
}

// What a kernel would make of an output: the segments behind its header.
std::vector<Bytes> split(const TunWrite& write) {
  const Bytes packet = gathered(write);
  const auto segmenter = Segmenter::parse(write.header, packet);
  std::vector<Bytes> segments;
  if (!segmenter) return segments;
  for (std::size_t i = 0; i < segmenter->count(); ++i) {
    segments.emplace_back(segmenter->segment_size(i));
    segmenter->write(i, segments.back().data());
  }
  return segments;
}

class CoalescerTest : public testing::Test {
 protected:
  void add(const Bytes& packet, InnerChecksum checksum = InnerChecksum::unverified) {
    packets_.push_back(packet);
    ASSERT_TRUE(coalescer_.add(packets_.back(), checksum));
  }
  Streams outputs() {
    Streams outputs;
    for (const TunWrite& write : coalescer_.finish()) outputs.push_back(split(write));
    return outputs;
  }

  Coalescer coalescer_{Coalescer::UdpMerging::on};
  std::vector<Bytes> packets_ = [] {
    std::vector<Bytes> packets;
    packets.reserve(Coalescer::kDefaultCapacity);
    return packets;
  }();
};

std::vector<Bytes> stream(Tcp packet, std::size_t count, std::size_t size, std::size_t last_size) {
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < count; ++i) {
    packet.payload = pattern(i + 1 < count ? size : last_size, static_cast<unsigned>(i));
    if (i + 1 == count) packet.flags |= kPsh;
    packets.push_back(packet.packet());
    packet.sequence += static_cast<std::uint32_t>(size);
    ++packet.ip_id;
  }
  return packets;
}

TEST_F(CoalescerTest, MergesAStreamThatSplittingMakesWholeAgain) {
  for (const Family family : {Family::v4, Family::v6}) {
    const auto packets = stream({.family = family, .sequence = 0xffffff00}, 40, 1400, 700);
    for (const Bytes& packet : packets) add(packet);
    EXPECT_EQ(outputs(), Streams{packets});
    coalescer_.clear();
  }
}

TEST_F(CoalescerTest, DescribesASuperPacketToTheKernel) {
  for (const Bytes& packet : stream({}, 3, 1000, 10)) add(packet);
  const auto writes = coalescer_.finish();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0].header, (VirtioNetHeader{.flags = kVirtioNeedsChecksum,
                                               .gso_type = kVirtioGsoTcpV4,
                                               .hdr_len = 40,
                                               .gso_size = 1000,
                                               .csum_start = 20,
                                               .csum_offset = 16}));
  const Bytes super_packet = gathered(writes[0]);
  EXPECT_EQ(be16(super_packet, 2), 40 + 2010);
  EXPECT_EQ(slow_sum(std::span(super_packet).first(20)), 0xffff);
  EXPECT_EQ(be16(super_packet, 36), slow_sum({}, slow_pseudo_header(super_packet)));
  EXPECT_EQ(super_packet[33], std::byte{kAck | kPsh}) << "the push of the last packet";
}

TEST_F(CoalescerTest, CopiesNoPayload) {
  for (const Bytes& packet : stream({}, 3, 1000, 1000)) add(packet);
  const auto writes = coalescer_.finish();
  ASSERT_EQ(writes[0].parts.size(), 3U);
  EXPECT_EQ(writes[0].parts[0].iov_base, packets_[0].data());
  EXPECT_EQ(writes[0].parts[1].iov_base, packets_[1].data() + 40);
  EXPECT_EQ(writes[0].parts[2].iov_base, packets_[2].data() + 40);
}

TEST_F(CoalescerTest, PassesSinglePacketsUnchangedWithAZeroHeader) {
  const Bytes packets[] = {Tcp{.payload = pattern(10)}.packet(),
                           icmp_packet(20),
                           bytes_of({1, 2, 3}),
                           {},
                           Udp{.payload = pattern(9)}.packet()};
  for (const Bytes& packet : packets) add(packet);
  const auto writes = coalescer_.finish();
  ASSERT_EQ(writes.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(writes[i].header, VirtioNetHeader{});
    EXPECT_EQ(gathered(writes[i]), packets[i]);
  }
}

TEST_F(CoalescerTest, KeepsInterleavedFlowsApart) {
  Streams flows;
  for (unsigned flow = 0; flow < 30; ++flow)
    flows.push_back(stream({.source_port = static_cast<std::uint16_t>(1000 + flow)}, 20, 500, 500));
  for (std::size_t i = 0; i < 20; ++i)
    for (const auto& flow : flows) add(flow[i]);
  EXPECT_EQ(outputs(), flows);
}

TEST_F(CoalescerTest, RepairsPacketsThatArrivedInTheWrongOrder) {
  const auto packets = stream({.dont_fragment = false}, 3, 500, 200);
  for (const std::size_t i : {1U, 0U, 2U}) add(packets[i]);
  EXPECT_EQ(outputs(), Streams{packets});
  coalescer_.clear();
  for (const std::size_t i : {2U, 1U, 0U}) add(packets[i]);
  EXPECT_EQ(outputs(), Streams{packets}) << "also before a short and pushed last one";
}

TEST_F(CoalescerTest, NeverLetsAPacketOvertakeOneOfItsFlow) {
  const auto packets = stream({}, 2, 500, 500);
  const Bytes bare_acknowledgement = Tcp{.sequence = 1500}.packet();
  add(packets[0]);
  add(bare_acknowledgement);
  add(packets[1]);
  EXPECT_EQ(outputs(), (Streams{{packets[0]}, {bare_acknowledgement}, {packets[1]}}));
}

TEST_F(CoalescerTest, NeverLetsADatagramOvertakeAnother) {
  const Bytes large = Udp{.payload = pattern(200)}.packet();
  const Bytes larger = Udp{.payload = pattern(300)}.packet();
  for (const Bytes& packet : {large, larger, large}) add(packet);
  const auto writes = coalescer_.finish();
  ASSERT_EQ(writes.size(), 2U) << "the last is the short tail of the second, not a part of the first";
  EXPECT_EQ(gathered(writes[0]).size(), large.size());
}

TEST_F(CoalescerTest, LetsNothingOvertakeAPacketOfUnknownFlow) {
  const auto packets = stream({}, 2, 500, 500);
  Bytes fragment = Udp{.payload = pattern(10)}.packet();
  put_be16(fragment, 6, 0x2000);
  add(packets[0]);
  add(fragment);
  add(packets[1]);
  EXPECT_EQ(coalescer_.finish().size(), 3U);
}

TEST_F(CoalescerTest, LetsUnrelatedPacketsBe) {
  const auto packets = stream({}, 2, 500, 500);
  add(packets[0]);
  add(icmp_packet(10));
  add(packets[1]);
  EXPECT_EQ(coalescer_.finish().size(), 2U);
}

TEST_F(CoalescerTest, StopsAtTheLargestIpPacket) {
  const auto packets = stream({}, 50, 1400, 1400);
  for (const Bytes& packet : packets) add(packet);
  const auto merged = outputs();
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].size(), (65535U - 40) / 1400);
  EXPECT_EQ(merged[1].size(), 50 - merged[0].size());
}

TEST_F(CoalescerTest, StopsAtThePiecesOfOneWrite) {
  Coalescer large(Coalescer::UdpMerging::on, 2048);
  std::vector<Bytes> packets = stream({}, 1100, 8, 8);
  for (Bytes& packet : packets) ASSERT_TRUE(large.add(packet, InnerChecksum::verified));
  const auto writes = large.finish();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(writes[0].parts.size(), kMaxWriteParts);
}

// The kernel refuses a UDP super-packet of more datagrams than this (UDP_MAX_SEGMENTS), and they would all be
// lost.
TEST_F(CoalescerTest, StopsAtTheDatagramsThatTheKernelCanSplit) {
  constexpr std::size_t kMost = 64;
  for (std::size_t i = 0; i < 2 * kMost + 1; ++i) add(Udp{.payload = pattern(18)}.packet());
  const auto merged = outputs();
  ASSERT_EQ(merged.size(), 3U);
  EXPECT_EQ(merged[0].size(), kMost);
  EXPECT_EQ(merged[1].size(), kMost);
}

TEST_F(CoalescerTest, HandsPartialChecksumsOnToTun) {
  auto packets = stream({}, 2, 500, 500);
  Bytes tcp = packets[0], udp = Udp{.family = Family::v6, .payload = pattern(50)}.packet(),
        other = icmp_packet(4);
  make_partial(tcp);
  make_partial(udp);
  add(tcp, InnerChecksum::partial);
  add(udp, InnerChecksum::partial);
  add(other, InnerChecksum::partial);
  const auto writes = coalescer_.finish();
  EXPECT_EQ(writes[0].header,
            (VirtioNetHeader{.flags = kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 16}));
  EXPECT_EQ(writes[1].header,
            (VirtioNetHeader{.flags = kVirtioNeedsChecksum, .csum_start = 40, .csum_offset = 6}));
  EXPECT_EQ(writes[2].header, VirtioNetHeader{});
  EXPECT_EQ(split(writes[0]), std::vector<Bytes>{packets[0]});
}

TEST_F(CoalescerTest, MergesPartialChecksumsToo) {
  const auto packets = stream({}, 5, 500, 300);
  for (Bytes packet : packets) {
    make_partial(packet);
    add(packet, InnerChecksum::partial);
  }
  EXPECT_EQ(outputs(), Streams{packets});
}

TEST_F(CoalescerTest, PassesAWholeSuperPacketInItsPlace) {
  const auto packets = stream({}, 2, 500, 500);
  Bytes super_packet = Tcp{.sequence = 1500, .payload = pattern(3000)}.packet();
  const VirtioNetHeader header = {
      .flags = kVirtioNeedsChecksum, .gso_type = kVirtioGsoTcpV4, .gso_size = 1000};
  add(packets[0]);
  ASSERT_TRUE(coalescer_.add_whole(header, super_packet));
  add(packets[1]);
  const auto writes = coalescer_.finish();
  ASSERT_EQ(writes.size(), 3U);
  EXPECT_EQ(writes[1].header, header);
  EXPECT_EQ(gathered(writes[1]), super_packet);
}

TEST_F(CoalescerTest, SaysWhenItIsFullAndGoesOnAfterClearing) {
  Coalescer small(Coalescer::UdpMerging::on, 3);
  auto packets = stream({}, 5, 500, 500);
  EXPECT_TRUE(small.empty());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(small.add(packets[i], InnerChecksum::unverified));
  EXPECT_FALSE(small.add(packets[3], InnerChecksum::unverified));
  EXPECT_FALSE(small.add_whole({}, packets[3]));
  EXPECT_EQ(small.finish().size(), 1U);
  small.clear();
  EXPECT_TRUE(small.empty());
  EXPECT_TRUE(small.add(packets[3], InnerChecksum::unverified));
  EXPECT_TRUE(small.add(packets[4], InnerChecksum::unverified));
  EXPECT_EQ(small.finish().size(), 1U);
}

TEST_F(CoalescerTest, KeepsOrderWithMoreFlowsThanItsTableCanTell) {
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned flow = 0; flow < 512; ++flow) {
      add(Udp{.source_port = static_cast<std::uint16_t>(flow), .payload = pattern(50, round)}.packet());
    }
  }
  std::size_t merged = 0;
  for (const auto& segments : outputs()) {
    merged += segments.size() == 2 ? 1 : 0;
    for (const Bytes& segment : segments) EXPECT_TRUE(is_sound(segment));
    const bool in_order = segments.size() == 1 || segments[0].back() == pattern(50, 0).back();
    EXPECT_TRUE(in_order);
  }
  EXPECT_GT(merged, 500U);
}

// ---- packets in pieces ----

TEST(Coalescer, HandsOnAPacketInPiecesInItsPlace) {
  Coalescer coalescer(Coalescer::UdpMerging::on);
  Bytes before = test::Udp{.payload = test::pattern(40)}.packet();
  Bytes after = before;
  Bytes headers(52, std::byte{1}), first(1000, std::byte{2}), second(500, std::byte{3});
  const iovec pieces[] = {
      {headers.data(), headers.size()}, {first.data(), first.size()}, {second.data(), second.size()}};
  const VirtioNetHeader header{.flags = kVirtioNeedsChecksum, .gso_type = kVirtioGsoTcpV4, .gso_size = 1000};
  ASSERT_TRUE(coalescer.add(before, InnerChecksum::verified));
  ASSERT_TRUE(coalescer.add_pieces(header, pieces));
  ASSERT_TRUE(coalescer.add(after, InnerChecksum::verified));
  const auto written = coalescer.finish();
  ASSERT_EQ(written.size(), 3U) << "nothing is merged across it";
  EXPECT_EQ(written[1].header, header);
  ASSERT_EQ(written[1].parts.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(written[1].parts[i].iov_base, pieces[i].iov_base);
    EXPECT_EQ(written[1].parts[i].iov_len, pieces[i].iov_len);
  }
}

TEST(Coalescer, RefusesPiecesBeyondItsCapacity) {
  Coalescer coalescer(Coalescer::UdpMerging::on, 4);
  Bytes bytes(60);
  const std::vector<iovec> pieces(3, iovec{bytes.data(), bytes.size()});
  EXPECT_EQ(coalescer.room(), 4U);
  EXPECT_TRUE(coalescer.add_pieces({}, pieces));
  EXPECT_EQ(coalescer.room(), 1U);
  EXPECT_FALSE(coalescer.add_pieces({}, pieces));
  EXPECT_EQ(coalescer.finish().size(), 1U);
}

}  // namespace
}  // namespace vpnd::tunio
