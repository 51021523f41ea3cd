#include "vpnd/dataplane/inbound.hpp"

#include <gtest/gtest.h>

#include "proto/stock_channel.hpp"
#include "tests/vpnd/dataplane/tunnel.hpp"

namespace vpnd::dataplane {
namespace {

using proto::DropReason;
using test::between;
using test::Bytes;
using test::kKey;
using tunio::test::bytes_of;
using tunio::test::Family;
using tunio::test::pattern;
using tunio::test::Udp;

class InboundTest : public test::Tunnel {
 protected:
  void server_receives(Bytes datagram, const tunio::Endpoint& source) {
    server_io.udp_gives(source, datagram);
    server.turn();
  }
  void server_receives(Bytes datagram) { server_receives(std::move(datagram), kAliceAt); }

  const tunio::Endpoint kElsewhere = test::endpoint("203.0.113.9", 999);
};

TEST_F(InboundTest, DropsAForgedRecordAndMovesNeitherTimersNorAddresses) {
  Bytes datagram = sealed_by_client(Udp{}.packet());
  datagram.back() ^= std::byte{1};
  const auto before = to_alice.last_received;
  server.now += std::chrono::seconds(10);
  server_receives(datagram, kElsewhere);

  EXPECT_EQ(server.dropped(DropReason::bad_tag), 1U);
  EXPECT_TRUE(server_io.take_written().empty());
  EXPECT_EQ(to_alice.last_received, before);
  EXPECT_EQ(to_alice.counters->records_received.get(), 0U);
  EXPECT_TRUE(server.recorder.events.empty());
}

TEST_F(InboundTest, DropsOnlyTheForgedRecordOfARun) {
  for (int i = 0; i < 3; ++i)
    client_io.tun_gives(Udp{.source_port = static_cast<std::uint16_t>(i + 1)}.packet());
  client.turn();
  auto run = client_io.take_sent().at(0);
  run.bytes[run.segment_size + 10] ^= std::byte{0x80};
  server_io.udp_gives(kAliceAt, run.bytes, run.segment_size);
  server.turn();
  EXPECT_EQ(server.dropped(DropReason::bad_tag), 1U);
  EXPECT_EQ(server_io.take_written().size(), 2U);
  EXPECT_EQ(to_alice.counters->records_received.get(), 2U);
}

TEST_F(InboundTest, DropsAReplayedRecord) {
  const Bytes datagram = sealed_by_client(Udp{}.packet());
  server_receives(datagram);
  server_receives(datagram);
  EXPECT_EQ(server.dropped(DropReason::replayed), 1U);
  EXPECT_EQ(server_io.take_written().size(), 1U);
}

TEST_F(InboundTest, DropsWhatNamesAnUnknownPeerOrKey) {
  const Bytes datagram = sealed_by_client(Udp{}.packet());
  Bytes other_peer = datagram;
  other_peer[3] = std::byte{7};
  Bytes other_key = datagram;
  other_key[0] |= std::byte{3};
  server_receives(other_peer);
  server_receives(other_key);
  EXPECT_EQ(server.dropped(DropReason::unknown_peer), 1U);
  EXPECT_EQ(server.dropped(DropReason::unknown_key), 1U);
  EXPECT_EQ(server.dropped(), 2U);
}

TEST_F(InboundTest, DropsARecordOfAPeerThatIsReachedByAStream) {
  server.add_peer(1, {kAliceAt, server_io.add_stream({})});
  server_receives(sealed_by_client(Udp{}.packet()));
  EXPECT_EQ(server.dropped(DropReason::unknown_peer), 1U);
}

TEST_F(InboundTest, DropsRecordsTooShortToBeOne) {
  server_receives(bytes_of({9 << 3, 0, 0}));
  server_receives(bytes_of({9 << 3, 0, 0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(server.dropped(), 2U);
  EXPECT_TRUE(server_io.take_written().empty());
}

TEST_F(InboundTest, FindsThePeerOfDataV1ByItsAddress) {
  client.add_key(to_server, kKey, std::nullopt);
  const Bytes datagram = sealed_by_client(Udp{}.packet());
  server_receives(datagram, kElsewhere);
  EXPECT_EQ(server.dropped(DropReason::unknown_peer), 1U);
  server_receives(datagram);
  EXPECT_EQ(server_io.take_written().size(), 1U);
}

TEST_F(InboundTest, ReportsANewAddressOnceAndOnlyAfterAuthentication) {
  client_reads(Udp{}.packet());
  network_carries_up(kElsewhere);
  client_reads(Udp{}.packet());
  network_carries_up(kElsewhere);
  const auto floated = server.recorder.all<PeerFloated>();
  ASSERT_EQ(floated.size(), 1U);
  EXPECT_EQ(floated[0].index, PeerIndex{1});
  EXPECT_EQ(floated[0].endpoint, kElsewhere);
  EXPECT_EQ(to_alice.link.endpoint, kAliceAt);  // the control thread decides

  server.peers.move(to_alice, kElsewhere);
  client_reads(Udp{}.packet());
  network_carries_up(kElsewhere);
  EXPECT_EQ(server.recorder.all<PeerFloated>().size(), 1U);
  client_reads(Udp{}.packet());
  network_carries_up(kAliceAt);
  EXPECT_EQ(server.recorder.all<PeerFloated>().size(), 2U);
}

TEST_F(InboundTest, ReportsAnAddressThatWasRefusedOnceASecond) {
  const auto reports = [this] {
    client_reads(Udp{}.packet());
    network_carries_up(kElsewhere);
    return server.recorder.all<PeerFloated>().size();
  };
  EXPECT_EQ(reports(), 1U);
  server.now += std::chrono::milliseconds(999);
  EXPECT_EQ(reports(), 1U);
  server.now += std::chrono::milliseconds(1);
  EXPECT_EQ(reports(), 2U);
  EXPECT_EQ(reports(), 2U);
}

TEST_F(InboundTest, ReportsTheFirstUseOfAKeyOnce) {
  up(Udp{}.packet());
  up(Udp{}.packet());
  const auto used = server.recorder.all<KeyUsed>();
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(used[0].index, PeerIndex{1});
  EXPECT_EQ(used[0].key, kKey);
}

TEST_F(InboundTest, ReportsOnceThatAKeyMeetsTooManyForgeries) {
  dynamic_cast<proto::StockOpener&>(*to_alice.key(kKey)->opener).set_limits({.max_failed_tags = 4});
  Bytes datagram = sealed_by_client(Udp{}.packet());
  datagram.back() ^= std::byte{1};
  for (int i = 0; i < 3; ++i) server_receives(datagram);
  EXPECT_EQ(server.recorder.all<KeyWearsOut>().size(), 1U);
}

TEST_F(InboundTest, HandsControlPacketsOnAsTheyAre) {
  const Bytes hard_reset = bytes_of({7 << 3, 1, 2, 3, 4, 5, 6, 7, 8});
  server_receives(hard_reset, kElsewhere);
  ASSERT_EQ(server.recorder.control.size(), 1U);
  EXPECT_EQ(server.recorder.control[0].packet, hard_reset);
  EXPECT_EQ(server.recorder.control[0].from.endpoint, kElsewhere);
  EXPECT_FALSE(server.recorder.control[0].from.stream);
  EXPECT_EQ(server.dropped(), 0U);
}

TEST_F(InboundTest, TakesAPingForASignOfLifeAndNoPacket) {
  server.now += std::chrono::seconds(5);
  client_says(proto::kPingPayload);
  EXPECT_TRUE(server_io.take_written().empty());
  EXPECT_EQ(to_alice.last_received, server.now);
  EXPECT_EQ(server.dropped(), 0U);
}

TEST_F(InboundTest, ReportsAPeerThatSaysGoodbye) {
  Bytes occ(proto::kOccMagic.begin(), proto::kOccMagic.end());
  occ.push_back(std::byte{1});  // another operation: nothing to do
  client_says(occ);
  EXPECT_TRUE(server.recorder.all<PeerExited>().empty());
  occ.back() = std::byte{proto::kOccExit};
  client_says(occ);
  ASSERT_EQ(server.recorder.all<PeerExited>().size(), 1U);
  EXPECT_EQ(server.recorder.all<PeerExited>()[0].index, PeerIndex{1});
  EXPECT_TRUE(server_io.take_written().empty());
  EXPECT_EQ(server.dropped(), 0U);
}

TEST_F(InboundTest, DropsPayloadsThatAreNoSoundIpPackets) {
  client_says(bytes_of({0x10, 1, 2, 3}));
  EXPECT_EQ(server.dropped(DropReason::not_ip), 1U);
  client_says(bytes_of({0x45, 0, 0, 20}));
  EXPECT_EQ(server.dropped(DropReason::malformed), 1U);
  EXPECT_TRUE(server_io.take_written().empty());
}

TEST_F(InboundTest, CutsOffWhatTrailsThePacket) {
  const Bytes packet = Udp{.payload = pattern(40)}.packet();
  Bytes with_trailer = packet;
  with_trailer.resize(packet.size() + 9);
  client_says(with_trailer);
  const auto written = server_io.take_written();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, packet);
}

TEST_F(InboundTest, DropsASourceThatIsNotThePeers) {
  up(between(Udp{}.packet(), kBob, kHost));
  up(between(Udp{}.packet(), test::address("10.9.9.9"), kHost));
  EXPECT_EQ(server.dropped(DropReason::foreign_source), 2U);
  EXPECT_TRUE(server_io.take_written().empty());
}

TEST_F(InboundTest, TrustsTheServersPacketsOnAClient) {
  EXPECT_EQ(down(between(Udp{}.packet(), test::address("192.0.2.77"), kAlice)).size(), 1U);
}

TEST_F(InboundTest, DropsIpv6WhereItIsBlocked) {
  to_alice.settings.block_ipv6 = true;
  EXPECT_TRUE(up(Udp{.family = Family::v6}.packet()).empty());
  EXPECT_EQ(server.dropped(DropReason::ipv6_blocked), 1U);
  EXPECT_EQ(up(Udp{}.packet()).size(), 1U);
}

TEST_F(InboundTest, WritesEarlyWhenMoreComesThanTheMergerHolds) {
  constexpr std::size_t kPackets = tunio::Coalescer::kDefaultCapacity + 100;
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < kPackets; ++i) {
    packets.push_back(Udp{.source_port = static_cast<std::uint16_t>(1 + i), .payload = pattern(20)}.packet());
    client_io.tun_gives(packets.back());
  }
  client.turn();
  network_carries_up();
  const auto written = server_io.take_written();
  ASSERT_EQ(written.size(), kPackets);
  for (std::size_t i = 0; i < kPackets; ++i) ASSERT_EQ(written[i].packet, packets[i]) << i;
}

// ---- policies ----

class InboundBetweenClients : public test::Tunnel {
 protected:
  InboundBetweenClients()
      : Tunnel({.role = crypto::Role::client},
               {.role = crypto::Role::server, .policy = {.client_to_client = true}}),
        bob(bob_io, {.role = crypto::Role::client}) {
    bob.add_key(bob.add_peer(0, {kServerAt, std::nullopt}), kKey, proto::PeerId{2});
  }
  Written bob_hears() {
    for (const auto& run : server_io.take_sent()) {
      EXPECT_EQ(run.to, kBobAt);
      bob_io.udp_gives(kServerAt, run.bytes, run.segment_size);
    }
    bob.turn();
    return bob_io.take_written();
  }

  tunio::MemoryIo bob_io;
  test::End bob;
};

TEST_F(InboundBetweenClients, HandsAPacketStraightToTheOtherClient) {
  add_bob({kBobAt, std::nullopt});
  const Bytes packet = between(Udp{.payload = pattern(100)}.packet(), kAlice, kBob);
  EXPECT_TRUE(up(packet).empty());
  const auto heard = bob_hears();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].packet, packet);
}

TEST_F(InboundBetweenClients, FramesForTheReceivingClient) {
  add_bob({kBobAt, std::nullopt}, {.wire_id = {}, .framing = proto::CompressionFraming::comp_lzo});
  bob.peers.at(PeerIndex{0})->settings.framing = proto::CompressionFraming::comp_lzo;
  const Bytes packet = between(Udp{.payload = pattern(100)}.packet(), kAlice, kBob);
  up(packet);
  const auto heard = bob_hears();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].packet, packet);
}

TEST_F(InboundBetweenClients, DropsAForeignSourceBeforeForwarding) {
  add_bob({kBobAt, std::nullopt});
  up(between(Udp{}.packet(), test::address("10.8.0.77"), kBob));
  EXPECT_EQ(server.dropped(DropReason::foreign_source), 1U);
  EXPECT_TRUE(server_io.take_sent().empty());
}

TEST_F(InboundBetweenClients, WritesToTunWhatIsForTheServerOrForNobody) {
  EXPECT_EQ(up(between(Udp{}.packet(), kAlice, kHost)).size(), 1U);
  EXPECT_EQ(up(between(Udp{}.packet(), kAlice, test::address("192.0.2.50"))).size(), 1U);
  EXPECT_EQ(up(between(Udp{}.packet(), kAlice, kAlice)).size(), 1U);
}

TEST_F(InboundTest, WritesPacketsForOtherClientsToTunUnlessClientToClientIsOn) {
  add_bob({kBobAt, std::nullopt});
  EXPECT_EQ(up(between(Udp{}.packet(), kAlice, kBob)).size(), 1U);
  EXPECT_TRUE(server_io.take_sent().empty());
}

}  // namespace
}  // namespace vpnd::dataplane
