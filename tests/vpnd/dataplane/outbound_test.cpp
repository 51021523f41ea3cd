#include "vpnd/dataplane/outbound.hpp"

#include <gtest/gtest.h>

#include "proto/stock_channel.hpp"
#include "tests/vpnd/dataplane/tunnel.hpp"

namespace vpnd::dataplane {
namespace {

using proto::DropReason;
using test::between;
using test::Bytes;
using test::kKey;
using test::SuperPacket;
using tunio::test::Family;
using tunio::test::pattern;
using tunio::test::Tcp;
using tunio::test::Udp;

class OutboundTest : public test::Tunnel {
 protected:
  std::vector<std::pair<std::uint32_t, int>> worn_keys() {
    std::vector<std::pair<std::uint32_t, int>> worn;
    client.outbound.take_worn_keys(
        [&](PeerIndex peer, proto::KeyId key) { worn.emplace_back(peer.value, key.value); });
    return worn;
  }
};

TEST_F(OutboundTest, SendsTheSegmentsOfASuperPacketAsOneRun) {
  const SuperPacket super = test::tcp_super_packet(10 * 1400 - 300, 1400);
  client_reads(super.packet, super.header);
  const auto sent = client_io.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].to, kServerAt);
  EXPECT_EQ(sent[0].segment_size, 40 + 1400 + proto::kDataV2Overhead);
  const auto datagrams = sent[0].datagrams();
  ASSERT_EQ(datagrams.size(), 10U);
  EXPECT_EQ(datagrams.back().size(), 40 + 1100 + proto::kDataV2Overhead);
  EXPECT_EQ(to_server.counters->records_sent.get(), 10U);
  EXPECT_EQ(to_server.counters->bytes_sent.get(), sent[0].bytes.size());
  EXPECT_EQ(to_server.counters->tun_bytes_read.get(), super.packet.size());
}

TEST_F(OutboundTest, JoinsPacketsOfOneSizeInOneRunAndBeginsAnotherForALongerOne) {
  for (const std::size_t size : {500U, 500U, 200U, 500U})
    client_io.tun_gives(Udp{.payload = pattern(size)}.packet());
  client.turn();
  const auto sent = client_io.take_sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].datagrams().size(), 3U);
  EXPECT_EQ(sent[1].datagrams().size(), 1U);
}

TEST_F(OutboundTest, LeavesTheTrafficClassAloneUnlessAsked) {
  client_reads(Tcp{.tos = 0xb8}.packet());
  EXPECT_EQ(client_io.take_sent().at(0).header.traffic_class, 0);
}

class PassingTrafficClass : public test::Tunnel {
 protected:
  PassingTrafficClass() : Tunnel({.role = crypto::Role::client, .limits = {.pass_traffic_class = true}}) {}
};

TEST_F(PassingTrafficClass, BeginsARunWhereItChanges) {
  constexpr std::uint8_t kExpedited = 0xb8;
  for (const std::uint8_t tos : {std::uint8_t{0}, std::uint8_t{0}, kExpedited, kExpedited, std::uint8_t{0}})
    client_io.tun_gives(Tcp{.tos = tos, .payload = pattern(500)}.packet());
  client.turn();
  const auto sent = client_io.take_sent();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0].header.traffic_class, 0);
  EXPECT_EQ(sent[0].datagrams().size(), 2U);
  EXPECT_EQ(sent[1].header.traffic_class, kExpedited);
  EXPECT_EQ(sent[1].datagrams().size(), 2U);
  EXPECT_EQ(sent[2].header.traffic_class, 0);
}

TEST_F(PassingTrafficClass, LeavesOutCongestionMarks) {
  client_reads(Tcp{.tos = 0xbb}.packet());
  EXPECT_EQ(client_io.take_sent().at(0).header.traffic_class, 0xb8);
}

TEST_F(OutboundTest, MovesThePingTimerWhenSomethingIsSent) {
  client.now += std::chrono::seconds(30);
  client_reads(Udp{}.packet());
  EXPECT_EQ(to_server.last_sent, client.now);
}

TEST_F(OutboundTest, DropsWhatLeadsToNobody) {
  server_reads(between(Udp{}.packet(), kHost, test::address("10.9.9.9")));
  server_reads(between(Udp{}.packet(), kHost, kBob));  // has a route, but is not there
  EXPECT_EQ(server.dropped(DropReason::no_route), 2U);
  EXPECT_TRUE(server_io.take_sent().empty());
}

TEST_F(OutboundTest, DropsWhatIsNoIpPacket) {
  client_reads(pattern(100, 1));
  client_reads(Bytes(10, std::byte{0x45}));
  EXPECT_EQ(client.dropped(DropReason::not_ip), 2U);
}

TEST_F(OutboundTest, DropsASuperPacketThatContradictsItsHeader) {
  SuperPacket super = test::tcp_super_packet(3000, 1400);
  super.header.gso_type = tunio::kVirtioGsoTcpV6;
  client_reads(super.packet, super.header);
  EXPECT_EQ(client.dropped(DropReason::malformed), 1U);
  EXPECT_TRUE(client_io.take_sent().empty());
}

TEST_F(OutboundTest, DropsBeforeThereIsAKey) {
  to_server.sending = nullptr;
  client_reads(Udp{}.packet());
  EXPECT_EQ(client.dropped(DropReason::not_established), 1U);
  EXPECT_EQ(client.outbound.send_payload(to_server, proto::kPingPayload), DropReason::not_established);
  Bytes packet = Udp{}.packet();
  EXPECT_EQ(client.outbound.forward(to_server.index, {.header = {}, .packet = packet}),
            DropReason::not_established);
}

TEST_F(OutboundTest, DropsIpv6WhereItIsBlocked) {
  to_server.settings.block_ipv6 = true;
  client_reads(Udp{.family = Family::v6}.packet());
  client_reads(Udp{}.packet());
  EXPECT_EQ(client.dropped(DropReason::ipv6_blocked), 1U);
  EXPECT_EQ(client_io.take_sent().size(), 1U);
}

TEST_F(OutboundTest, DropsWhatFitsNoDatagram) {
  client_reads(Udp{.payload = pattern(65500)}.packet());
  EXPECT_EQ(client.dropped(DropReason::too_big), 1U);
  EXPECT_TRUE(client_io.take_sent().empty());
  EXPECT_EQ(client.buffers.available(), client.buffers.capacity());
}

TEST_F(OutboundTest, CountsEverySegmentThatFoundNoBuffer) {
  std::vector<tunio::Buffer> held;
  while (auto buffer = client.buffers.take()) held.push_back(std::move(buffer));
  const SuperPacket super = test::tcp_super_packet(10 * 1400, 1400);
  client_reads(super.packet, super.header);
  EXPECT_EQ(client.dropped(DropReason::no_buffer), 10U);

  held.clear();
  client_reads(super.packet, super.header);
  EXPECT_EQ(client.dropped(DropReason::no_buffer), 10U);
  EXPECT_EQ(client_io.take_sent().size(), 1U);
}

TEST_F(OutboundTest, SendsOnlyWhatPacketIdsAreLeftForAndReportsTheKeyOnce) {
  dynamic_cast<proto::StockSealer&>(*to_server.sending->sealer).skip_packet_ids_to(0xFFFFFFFE);
  const SuperPacket super = test::tcp_super_packet(10 * 1400, 1400);
  client_reads(super.packet, super.header);
  const auto sent = client_io.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].datagrams().size(), 2U);
  EXPECT_EQ(client.dropped(DropReason::packet_ids_exhausted), 8U);
  EXPECT_EQ(worn_keys(), (std::vector<std::pair<std::uint32_t, int>>{{0, 0}}));

  client_reads(super.packet, super.header);
  EXPECT_TRUE(client_io.take_sent().empty());
  EXPECT_EQ(client.dropped(DropReason::packet_ids_exhausted), 18U);
  EXPECT_TRUE(worn_keys().empty());
}

TEST_F(OutboundTest, SealsWithTheKeyThatWasChosen) {
  client.add_key(to_server, proto::KeyId{5}, proto::PeerId{1});
  const Bytes datagram = sealed_by_client(Udp{}.packet());
  EXPECT_EQ(datagram[0], std::byte{9 << 3 | 5});
  EXPECT_EQ(datagram[3], std::byte{1});
}

TEST_F(OutboundTest, GivesBackTheBufferOfAPeerThatGoesAway) {
  ASSERT_EQ(client.outbound.send_payload(to_server, proto::kPingPayload), DropReason::none);
  EXPECT_EQ(client.buffers.available(), client.buffers.capacity() - 1);
  client.outbound.abandon(to_server);
  client.outbound.abandon(to_server);
  EXPECT_EQ(client.buffers.available(), client.buffers.capacity());
  client.turn();
  EXPECT_TRUE(client_io.take_sent().empty());
}

// ---- several peers ----

class OutboundToMany : public test::Tunnel {
 protected:
  OutboundToMany()
      : Tunnel({.role = crypto::Role::client}, {.role = crypto::Role::server, .limits = {.open_runs = 1}}) {}
};

TEST_F(OutboundToMany, SendsRunsEarlyWhenMorePeersAreServedThanRunsAreOpen) {
  add_bob({kBobAt, std::nullopt});
  for (const auto& destination : {kAlice, kBob, kAlice, kBob})
    server_io.tun_gives(between(Udp{.payload = pattern(64)}.packet(), kHost, destination));
  server.turn();
  const auto sent = server_io.take_sent();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(sent[0].to, kAliceAt);
  EXPECT_EQ(sent[1].to, kBobAt);
  EXPECT_EQ(sent[2].to, kAliceAt);
  EXPECT_EQ(sent[3].to, kBobAt);
  EXPECT_EQ(server.dropped(), 0U);
  EXPECT_EQ(server.buffers.available(), server.buffers.capacity());
}

TEST_F(OutboundToMany, NotesThisTurnsTimeForARunThatLeavesEarly) {
  add_bob({kBobAt, std::nullopt});
  server.turn();
  server.now += std::chrono::seconds(30);
  for (const auto& destination : {kAlice, kBob})
    server_io.tun_gives(between(Udp{.payload = pattern(64)}.packet(), kHost, destination));
  server.turn();
  EXPECT_EQ(to_alice.last_sent, server.now);
}

TEST_F(OutboundTest, SortsWhatTunGaveIntoOneRunForEachPeer) {
  add_bob({kBobAt, std::nullopt});
  for (const auto& destination : {kAlice, kBob, kAlice, kBob})
    server_io.tun_gives(between(Udp{.payload = pattern(64)}.packet(), kHost, destination));
  server.turn();
  const auto sent = server_io.take_sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].to, kAliceAt);
  EXPECT_EQ(sent[0].datagrams().size(), 2U);
  EXPECT_EQ(sent[1].to, kBobAt);
  EXPECT_EQ(sent[1].datagrams().size(), 2U);
}

}  // namespace
}  // namespace vpnd::dataplane
