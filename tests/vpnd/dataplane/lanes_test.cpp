// A session with two lanes in memory: two workers at each end, a lane and a socket for each.
//
//   client                                             server
//   queue 0 ── worker 0 ── lane 0 (peer id 4) ── worker 0 ── queue 0
//              ⇅                                 ⇅
//   queue 1 ── worker 1 ── lane 1 (peer id 5) ── worker 1 ── queue 1      Bob, a stock peer, is worker 1's,
//   too

#include <gtest/gtest.h>

#include <array>

#include "proto/batch_channel.hpp"
#include "tests/vpnd/dataplane/end.hpp"
#include "tunio/memory_io.hpp"

namespace vpnd::dataplane {
namespace {

using namespace std::chrono_literals;
using proto::DropReason;
using test::Bytes;
using tunio::MemoryIo;
using tunio::test::pattern;
using tunio::test::Udp;

constexpr proto::KeyId kKey{0};
constexpr proto::KeyId kNextKey{1};
constexpr std::uint32_t kAlice = 4;
constexpr std::uint32_t kBob = 7;
constexpr std::size_t kLanes = 2;

PeerSettings batches() {
  PeerSettings settings;
  settings.batch = BatchSettings{.body_size = 1472 - proto::kRecordOverhead, .ip_overhead = 28};
  return settings;
}

class LanesTest : public testing::Test {
 protected:
  LanesTest()
      : client{{{client_io[0], setup(crypto::Role::client, 0)},
                {client_io[1], setup(crypto::Role::client, 1)}}},
        server{{{server_io[0], setup(crypto::Role::server, 0)},
                {server_io[1], setup(crypto::Role::server, 1)}}} {
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      client[i].add_lane(0, i, {kServerAt, std::nullopt}, batches());
      client[1 - i].peers.add_remote({PeerIndex{i}, WorkerId{i}, kServerAt});
      const tunio::Endpoint known = i == 0 ? lane_at[0] : tunio::Endpoint();
      server[i].add_lane(kAlice, i, {known, std::nullopt}, batches());
      server[1 - i].peers.add_remote({PeerIndex{kAlice + i}, WorkerId{i}, known});
    }
    Peer& bob = server[1].add_peer(kBob, {kBobAt, std::nullopt});
    server[1].add_key(bob, kKey, proto::PeerId{kBob});
    server[0].peers.add_remote({PeerIndex{kBob}, WorkerId{1}, kBobAt});
    add_keys(kKey);
    routing::RouteTableBuilder routes;
    routes.add(tunio::Prefix{kAliceInside, 32}, PeerIndex{kAlice});
    routes.add(tunio::Prefix{kBobInside, 32}, PeerIndex{kBob});
    for (test::End& worker : server) worker.set_routes(routes.build());
  }

  test::EndSetup setup(crypto::Role role, std::uint32_t worker) {
    return {.role = role,
            .policy = {.client_to_client = true},
            .handover = role == crypto::Role::client ? client_rings : server_rings,
            .worker = WorkerId{worker}};
  }

  Peer& client_lane(std::uint32_t lane) { return *client[lane].peers.at(PeerIndex{lane}); }
  Peer& server_lane(std::uint32_t lane) { return *server[lane].peers.at(PeerIndex{kAlice + lane}); }

  void add_keys(proto::KeyId key) {
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      client[lane].add_key(client_lane(lane), key, proto::PeerId{kAlice});
      server[lane].add_key(server_lane(lane), key, proto::PeerId{kAlice});
    }
  }

  // The worker's part when the client may send.
  void begin() {
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      client_lane(lane).batch->is_heard = true;
      probe(client[lane], client_lane(lane));
    }
    settle();
  }
  void probe(test::End& end, Peer& lane) {
    end.outbound.begin_turn(end.now);
    end.outbound.probe_path(lane);
    end.turn();
  }

  // To and fro until nobody has anything to say. What the dead lane carries is lost.
  void settle() {
    for (bool quiet = false; !quiet;) {
      quiet = true;
      take_turns();
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        for (const auto& run : client_io[i].take_sent()) {
          quiet = false;
          for (const Bytes& datagram : run.datagrams()) carry_up(i, datagram);
        }
        for (const auto& run : server_io[i].take_sent()) {
          quiet = false;
          for (const Bytes& datagram : run.datagrams()) carry_down(run.to, datagram);
        }
      }
    }
  }
  // Twice, so that what the second worker hands over is sent, too.
  void take_turns() {
    for (int i = 0; i < 2; ++i) {
      for (test::End& worker : client) worker.turn();
      for (test::End& worker : server) worker.turn();
    }
  }

  // Seconds pass, in each of which each worker takes its tick; then `lane`'s client worker reads a packet.
  void pass_with_traffic(int seconds, std::uint32_t lane, std::size_t payload = 1300) {
    for (int i = 0; i < seconds; ++i) {
      for (std::uint32_t k = 0; k < kLanes; ++k) {
        client[k].now += 1s;
        server[k].now += 1s;
        probe(client[k], client_lane(k));
        probe(server[k], server_lane(k));
      }
      client_io[lane].tun_gives(upward(payload));
      client[lane].turn();
      settle();
    }
  }

  Bytes upward(std::size_t size) const {
    return test::between(Udp{.payload = pattern(size)}.packet(), kAliceInside, kHost);
  }
  Bytes downward(std::size_t size) const {
    return test::between(Udp{.payload = pattern(size)}.packet(), kHost, kAliceInside);
  }
  // By which lane records came up or went down, so far; and a packet's whole way.
  std::uint64_t received_by(std::uint32_t lane) { return server_lane(lane).counters->records_received.get(); }
  std::uint64_t sent_by(std::uint32_t lane) { return server_lane(lane).counters->records_sent.get(); }
  std::vector<Bytes> up(std::uint32_t worker, const Bytes& packet) {
    client_io[worker].tun_gives(packet);
    client[worker].turn();
    settle();
    return written(server_io);
  }
  std::vector<Bytes> down(std::uint32_t worker, const Bytes& packet) {
    server_io[worker].tun_gives(packet);
    server[worker].turn();
    settle();
    return written(client_io);
  }
  static std::vector<Bytes> written(std::array<MemoryIo, kLanes>& ends) {
    std::vector<Bytes> packets;
    for (MemoryIo& io : ends) {
      for (const auto& packet : io.take_written()) packets.push_back(packet.packet);
    }
    return packets;
  }
  std::uint64_t handed_over() {
    std::uint64_t sum = 0;
    for (const auto* ends : {&client, &server}) {
      for (const test::End& end : *ends) sum += end.port.given().get();
    }
    return sum;
  }
  std::uint64_t dropped() {
    return client[0].dropped() + client[1].dropped() + server[0].dropped() + server[1].dropped();
  }

  const tunio::IpAddress kAliceInside = test::address("10.8.0.1");
  const tunio::IpAddress kHost = test::address("10.8.0.2");
  const tunio::IpAddress kBobInside = test::address("10.8.0.3");
  const tunio::Endpoint kServerAt = test::endpoint("192.0.2.1", 1194);
  const tunio::Endpoint kBobAt = test::endpoint("198.51.100.2", 4002);

  std::array<tunio::Endpoint, kLanes> lane_at = {test::endpoint("198.51.100.1", 4000),
                                                 test::endpoint("198.51.100.1", 4001)};
  std::optional<std::uint32_t> dead;  // a lane whose datagrams are lost
  std::shared_ptr<Handover> client_rings = std::make_shared<Handover>(kLanes);
  std::shared_ptr<Handover> server_rings = std::make_shared<Handover>(kLanes);
  std::array<MemoryIo, kLanes> client_io;
  std::array<MemoryIo, kLanes> server_io;
  std::array<test::End, kLanes> client;
  std::array<test::End, kLanes> server;

 private:
  // The kernel steers by peer id.
  void carry_up(std::uint32_t lane, const Bytes& datagram) {
    if (dead == lane) return;
    server_io[std::to_integer<std::size_t>(datagram[3]) % kLanes].udp_gives(lane_at[lane], datagram);
  }
  void carry_down(const tunio::Endpoint& to, const Bytes& datagram) {
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      if (lane_at[lane] == to && dead != lane) client_io[lane].udp_gives(kServerAt, datagram);
    }
  }
};

TEST_F(LanesTest, GoByTheFirstLaneUntilTheOthersAreKnownToWork) {
  EXPECT_EQ(down(1, downward(400)).size(), 1U);
  EXPECT_EQ(up(1, upward(400)).size(), 1U);
  EXPECT_GT(received_by(0), 0U);
  EXPECT_GT(sent_by(0), 0U);
  EXPECT_EQ(received_by(1) + sent_by(1), 0U);
  EXPECT_EQ(handed_over(), 2U);
  EXPECT_EQ(dropped(), 0U);
}

TEST_F(LanesTest, CarryWhatTheirOwnWorkerReads) {
  begin();
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    const auto received = received_by(lane), sent = sent_by(lane);
    EXPECT_EQ(up(lane, upward(400)), std::vector<Bytes>{upward(400)});
    EXPECT_EQ(down(lane, downward(500)), std::vector<Bytes>{downward(500)});
    EXPECT_EQ(received_by(lane), received + 1);
    EXPECT_EQ(sent_by(lane), sent + 1);
  }
  EXPECT_EQ(handed_over(), 0U);
  EXPECT_EQ(dropped(), 0U);
}

TEST_F(LanesTest, FindTheSizeOfTheirPathsEachForItself) {
  begin();
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    EXPECT_EQ(client_lane(lane).batch->path->size(), 1472U) << lane;
    EXPECT_EQ(server_lane(lane).batch->path->size(), 1472U) << lane;
  }
  auto super = test::tcp_super_packet(20'000, 1400);
  super.packet = test::between(super.packet, kAliceInside, kHost);
  tunio::test::make_partial(super.packet);
  client_io[1].tun_gives(super.packet, super.header);
  client[1].turn();
  settle();
  EXPECT_EQ(written(server_io), std::vector<Bytes>{super.packet}) << "slices of one unit come by one lane";
}

TEST_F(LanesTest, TellTheServerWhereTheyAre) {
  begin();
  EXPECT_EQ(server_lane(1).link.endpoint, lane_at[1]);
  const auto told = server[1].recorder.all<LaneFloated>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].index, PeerIndex{kAlice});
  EXPECT_EQ(told[0].lane, proto::LaneNumber{1});
  EXPECT_EQ(told[0].endpoint, lane_at[1]);
}

TEST_F(LanesTest, FloatByThemselves) {
  begin();
  const auto first = server_lane(0).link.endpoint;
  lane_at[1] = test::endpoint("203.0.113.9", 9);
  EXPECT_EQ(up(1, upward(400)).size(), 1U);
  EXPECT_EQ(server_lane(1).link.endpoint, lane_at[1]);
  EXPECT_EQ(server_lane(0).link.endpoint, first);
  EXPECT_TRUE(server[0].recorder.all<PeerFloated>().empty());
  EXPECT_TRUE(server[1].recorder.all<PeerFloated>().empty());
  const auto sent = sent_by(1);
  EXPECT_EQ(down(1, downward(400)).size(), 1U);
  EXPECT_EQ(sent_by(1), sent + 1) << "the new path was confirmed with the first record";
  EXPECT_EQ(handed_over(), 0U);
}

TEST_F(LanesTest, DoNotFollowWhatIsForgedOrReplayed) {
  begin();
  client_io[1].tun_gives(upward(100));
  client[1].turn();
  Bytes datagram = client_io[1].take_sent().at(0).bytes;
  server_io[1].udp_gives(lane_at[1], datagram);
  server[1].turn();
  const auto elsewhere = test::endpoint("203.0.113.9", 9);
  server_io[1].udp_gives(elsewhere, datagram);
  datagram.back() ^= std::byte{1};
  server_io[1].udp_gives(elsewhere, datagram);
  server[1].turn();
  EXPECT_EQ(server_lane(1).link.endpoint, lane_at[1]);
  EXPECT_EQ(server[1].dropped(DropReason::replayed), 1U);
  EXPECT_EQ(server[1].dropped(DropReason::bad_tag), 1U);
}

TEST_F(LanesTest, TellOfTheirFloatsOnceASecond) {
  begin();
  server[1].now += 10s;
  for (std::uint16_t port = 1; port < 100; ++port) {
    lane_at[1] = test::endpoint("203.0.113.9", port);
    EXPECT_EQ(up(1, upward(40)).size(), 1U);
  }
  EXPECT_EQ(server[1].recorder.all<LaneFloated>().size(), 2U);
}

TEST_F(LanesTest, HaveKeysOfTheirOwn) {
  begin();
  client_io[1].tun_gives(upward(100));
  client[1].turn();
  Bytes datagram = client_io[1].take_sent().at(0).bytes;
  datagram[3] = std::byte{kAlice};  // as if it were the first lane's
  server_io[0].udp_gives(lane_at[0], datagram);
  server[0].turn();
  EXPECT_EQ(server[0].dropped(DropReason::bad_tag), 1U);
}

TEST_F(LanesTest, BelongToOneClientWhoseSourcesAreChecked) {
  begin();
  EXPECT_TRUE(up(1, test::between(Udp{}.packet(), kBobInside, kHost)).empty());
  EXPECT_EQ(server[1].dropped(DropReason::foreign_source), 1U);
  EXPECT_EQ(up(1, upward(10)).size(), 1U);
}

TEST_F(LanesTest, CarryWhatComesFromOtherClients) {
  begin();
  MemoryIo bob_io;
  test::End bob(bob_io, {.role = crypto::Role::client});
  bob.add_key(bob.add_peer(0, {kServerAt, std::nullopt}), kKey, proto::PeerId{kBob});
  const Bytes packet = test::between(Udp{.payload = pattern(30)}.packet(), kBobInside, kAliceInside);
  bob_io.tun_gives(packet);
  bob.turn();
  const auto sent = sent_by(1);
  server_io[1].udp_gives(kBobAt, bob_io.take_sent().at(0).bytes);
  server[1].turn();
  settle();
  EXPECT_EQ(written(client_io), std::vector<Bytes>{packet});
  EXPECT_EQ(sent_by(1), sent + 1);
  EXPECT_EQ(handed_over(), 0U);
}

TEST_F(LanesTest, AreLeftAloneWhileTheirPathIsDeadAndUsedAgainAfterwards) {
  begin();
  dead = 1;
  pass_with_traffic(12, 1);
  EXPECT_EQ(client_lane(1).batch->path->state(), proto::PathMtu::State::error);
  (void)written(server_io);
  EXPECT_EQ(up(1, upward(700)), std::vector<Bytes>{upward(700)}) << "by the first lane";
  EXPECT_GT(client[1].port.given().get(), 0U);

  dead.reset();
  pass_with_traffic(10, 1);
  const auto received = received_by(1), given = client[1].port.given().get();
  (void)written(server_io);
  EXPECT_EQ(up(1, upward(700)).size(), 1U);
  EXPECT_EQ(received_by(1), received + 1);
  EXPECT_EQ(client[1].port.given().get(), given);
}

// Not even a probe of the path's size would be missed by them.
TEST_F(LanesTest, AreFoundDeadBySmallPacketsToo) {
  begin();
  dead = 1;
  pass_with_traffic(8, 1, 40);
  (void)written(server_io);
  EXPECT_EQ(up(1, upward(40)), std::vector<Bytes>{upward(40)});
}

TEST_F(LanesTest, AreNotProbedWhileNothingButKeepalivesGoesByThem) {
  begin();
  const auto before = received_by(1);
  for (int i = 0; i < 60; ++i) {
    pass_with_traffic(1, 0);
    for (test::End* end : {&client[1], &server[1]}) {
      Peer& lane = end == &client[1] ? client_lane(1) : server_lane(1);
      if (i % 10 == 0) (void)end->outbound.send_keepalive(lane);
      end->turn();
    }
    settle();
  }
  EXPECT_EQ(received_by(1) - before, 6U);
  EXPECT_TRUE(client_lane(1).is_in_use());
}

TEST_F(LanesTest, ChangeKeysTogether) {
  begin();
  add_keys(kNextKey);
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    server_lane(lane).sending =
        server_lane(lane).key(kKey);  // until the client shows that it has the new one
    EXPECT_EQ(up(lane, upward(60)).size(), 1U);
    const auto used = server[lane].recorder.all<KeyUsed>();
    ASSERT_EQ(used.size(), 2U);
    EXPECT_EQ(used[1].index, PeerIndex{kAlice}) << "told of the session";
    EXPECT_EQ(used[1].key, kNextKey);
    EXPECT_EQ(down(lane, downward(60)).size(), 1U);
    server_lane(lane).sending = server_lane(lane).key(kNextKey);
    client_lane(lane).keys[kKey.value].reset();
    server_lane(lane).keys[kKey.value].reset();
    EXPECT_EQ(down(lane, downward(70)).size(), 1U);
    EXPECT_EQ(up(lane, upward(70)).size(), 1U);
  }
  EXPECT_EQ(handed_over() + dropped(), 0U);
}

TEST_F(LanesTest, AskForANewKeyOfTheSessionWhenTheKeyOfOneWearsOut) {
  begin();
  auto& sealer = dynamic_cast<proto::BatchSealer&>(*server_lane(1).key(kKey)->sealer);
  sealer.set_limits({.max_blocks = 38});  // the packet has 34
  EXPECT_EQ(down(1, downward(500)).size(), 1U);
  std::vector<std::pair<PeerIndex, proto::KeyId>> worn;
  server[1].outbound.take_worn_keys([&](PeerIndex peer, proto::KeyId key) { worn.emplace_back(peer, key); });
  ASSERT_EQ(worn.size(), 1U);
  EXPECT_EQ(worn[0].first, PeerIndex{kAlice});
  EXPECT_EQ(worn[0].second, kKey);
}

TEST_F(LanesTest, ShowThatTheyAreAlive) {
  begin();
  server[1].now += 5s;
  client[1].outbound.begin_turn(client[1].now);
  EXPECT_EQ(client[1].outbound.send_keepalive(client_lane(1)), DropReason::none);
  client[1].turn();
  settle();
  EXPECT_EQ(server_lane(1).counters->last_received.get(), server[1].now);
  EXPECT_LT(server_lane(0).counters->last_received.get(), server[1].now);
  EXPECT_EQ(dropped(), 0U);
}

TEST_F(LanesTest, SendNothingBeforeAnybodyKnowsWhereTheyAre) {
  EXPECT_EQ(server[1].outbound.send_keepalive(server_lane(1)), DropReason::not_established);
  server[1].turn();
  EXPECT_TRUE(server_io[1].take_sent().empty());
}

}  // namespace
}  // namespace vpnd::dataplane
