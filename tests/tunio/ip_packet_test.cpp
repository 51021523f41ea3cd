#include "tunio/ip_packet.hpp"

#include <gtest/gtest.h>

#include "tests/tunio/packet_builder.hpp"

namespace vpnd::tunio {
namespace {

using namespace test;

Bytes v6_with_chain(std::uint8_t first, const Bytes& chain, std::size_t rest = 20) {
  Bytes packet(40);
  packet[0] = std::byte{0x60};
  packet[6] = std::byte{first};
  packet.insert(packet.end(), chain.begin(), chain.end());
  packet.resize(packet.size() + rest);
  put_be16(packet, 4, static_cast<unsigned>(packet.size() - 40));
  return packet;
}

TEST(IpPacket, ReadsAnIpv4Packet) {
  const Bytes bytes = Tcp{.payload = pattern(10)}.packet();
  const auto packet = IpPacket::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->is_v4());
  EXPECT_EQ(packet->source(), IpAddress::parse("10.8.0.1"));
  EXPECT_EQ(packet->destination(), IpAddress::parse("10.8.0.2"));
  EXPECT_EQ(packet->protocol(), kProtocolTcp);
  EXPECT_EQ(packet->size(), 50U);
  EXPECT_EQ(packet->transport_offset(), 20U);
  EXPECT_TRUE(packet->has_transport());
  EXPECT_FALSE(packet->is_fragment());
  EXPECT_FALSE(packet->has_options());
}

TEST(IpPacket, ReadsAnIpv6Packet) {
  const Bytes bytes = Udp{.family = Family::v6, .payload = pattern(10)}.packet();
  const auto packet = IpPacket::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->family(), IpFamily::v6);
  EXPECT_EQ(packet->source(), IpAddress::parse("fd00::1"));
  EXPECT_EQ(packet->destination(), IpAddress::parse("fd00::2"));
  EXPECT_EQ(packet->protocol(), kProtocolUdp);
  EXPECT_EQ(packet->transport_offset(), 40U);
}

TEST(IpPacket, ReadsTheTrafficClass) {
  for (const Family family : {Family::v4, Family::v6}) {
    const Bytes bytes = Tcp{.family = family, .tos = 0xb9}.packet();
    EXPECT_EQ(IpPacket::parse(bytes)->traffic_class(), 0xb9);
  }
}

TEST(IpPacket, LeavesOutWhatFollowsTheTotalLength) {
  Bytes bytes = Tcp{.payload = pattern(10)}.packet();
  bytes.resize(bytes.size() + 7);
  EXPECT_EQ(IpPacket::parse(bytes)->size(), 50U);
}

TEST(IpPacket, RefusesEveryTruncation) {
  for (const Bytes& whole : {Tcp{}.packet(), Tcp{.family = Family::v6}.packet()}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(IpPacket::parse(std::span(whole).first(size))) << size << " bytes";
    }
  }
}

TEST(IpPacket, RefusesImpossibleHeaders) {
  const Bytes good = Tcp{}.packet();
  Bytes version5 = good, version0 = good, short_header = good, long_header = good, short_total = good;
  version5[0] = std::byte{0x55};
  version0[0] = std::byte{0x05};
  short_header[0] = std::byte{0x44};
  long_header[0] = std::byte{0x4f};  // 60 bytes of header, 40 of packet
  put_be16(short_total, 2, 19);
  for (const Bytes& bytes : {version5, version0, short_header, long_header, short_total})
    EXPECT_FALSE(IpPacket::parse(bytes));
}

TEST(IpPacket, KnowsFragmentsAndOptionsOfIpv4) {
  Bytes bytes = Tcp{.payload = pattern(40)}.packet();
  put_be16(bytes, 6, 0x2000);
  EXPECT_TRUE(IpPacket::parse(bytes)->is_fragment());
  EXPECT_TRUE(IpPacket::parse(bytes)->has_transport());
  put_be16(bytes, 6, 0x0005);
  EXPECT_TRUE(IpPacket::parse(bytes)->is_fragment());
  EXPECT_FALSE(IpPacket::parse(bytes)->has_transport());
  put_be16(bytes, 6, 0x4000);
  bytes[0] = std::byte{0x46};
  EXPECT_TRUE(IpPacket::parse(bytes)->has_options());
  EXPECT_EQ(IpPacket::parse(bytes)->transport_offset(), 24U);
}

TEST(IpPacket, FollowsIpv6ExtensionHeadersToTheTransport) {
  const Bytes chain = bytes_of({43, 0, 0, 0, 0, 0, 0, 0,                          // hop by hop
                                51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // routing, 16 bytes
                                60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,              // authentication, 12
                                17, 0, 0, 0, 0, 0, 0, 0});                        // destination options
  const Bytes bytes = v6_with_chain(0, chain);
  const auto packet = IpPacket::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->protocol(), kProtocolUdp);
  EXPECT_EQ(packet->transport_offset(), 40 + chain.size());
  EXPECT_TRUE(packet->has_transport());
  EXPECT_TRUE(packet->has_options());
}

TEST(IpPacket, KnowsFragmentsOfIpv6) {
  const Bytes first = v6_with_chain(44, bytes_of({6, 0, 0x00, 0x01, 0, 0, 0, 9}));
  EXPECT_TRUE(IpPacket::parse(first)->is_fragment());
  EXPECT_TRUE(IpPacket::parse(first)->has_transport());
  const Bytes later = v6_with_chain(44, bytes_of({6, 0, 0x05, 0x01, 0, 0, 0, 9}));
  EXPECT_TRUE(IpPacket::parse(later)->is_fragment());
  EXPECT_FALSE(IpPacket::parse(later)->has_transport());
}

TEST(IpPacket, HasNoTransportBehindABrokenOrEndlessChain) {
  const Bytes leaves_packet = v6_with_chain(0, bytes_of({6, 200, 0, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(IpPacket::parse(leaves_packet)->has_transport());
  EXPECT_FALSE(IpPacket::parse(v6_with_chain(60, {}, 7))->has_transport());

  Bytes endless;
  for (int i = 0; i < 20; ++i) {
    const Bytes next = bytes_of({60, 0, 0, 0, 0, 0, 0, 0});
    endless.insert(endless.end(), next.begin(), next.end());
  }
  EXPECT_FALSE(IpPacket::parse(v6_with_chain(60, endless))->has_transport());
}

TEST(ClaimedLength, IsWhatTheHeaderSaysEvenBeyondTheBytes) {
  Bytes bytes = Tcp{}.packet();
  put_be16(bytes, 2, 60000);
  EXPECT_EQ(claimed_length(bytes), 60000U);
  EXPECT_EQ(claimed_length(std::span(bytes).first(19)), std::nullopt);
}

TEST(TcpHeaderSize, IsCheckedAgainstTheBytes) {
  Bytes tcp(40);
  const auto size_with = [&](int words) {
    tcp[12] = static_cast<std::byte>(words << 4);
    return tcp_header_size(tcp);
  };
  EXPECT_EQ(size_with(4), std::nullopt);
  EXPECT_EQ(size_with(5), 20U);
  EXPECT_EQ(size_with(10), 40U);
  EXPECT_EQ(size_with(11), std::nullopt);
  EXPECT_EQ(tcp_header_size(std::span(tcp).first(19)), std::nullopt);
}

}  // namespace
}  // namespace vpnd::tunio
