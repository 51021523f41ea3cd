// Two workers of one server in memory. Worker 0 has Alice, worker 1 has Bob; each has a tun queue and a
// socket of its own:
//
//   alice ──┐                 ┌── worker 0 ── queue 0 ──┐
//           ├── (steering) ───┤      ⇅                  ├── tun of the server
//   bob ────┘                 └── worker 1 ── queue 1 ──┘

#include "vpnd/dataplane/handover.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "proto/stock_channel.hpp"
#include "tests/vpnd/dataplane/end.hpp"
#include "tests/vpnd/dataplane/guided_io.hpp"
#include "tunio/memory_io.hpp"
#include "vpnd/dataplane/worker.hpp"

namespace vpnd::dataplane {
namespace {

using proto::DropReason;
using test::Bytes;
using tunio::MemoryIo;
using tunio::test::pattern;
using tunio::test::Udp;

constexpr proto::KeyId kKey{0};
constexpr std::uint32_t kAlice = 2;
constexpr std::uint32_t kBob = 3;

class HandoverTest : public testing::Test {
 protected:
  explicit HandoverTest(const InboundPolicy& policy = {})
      : workers{{{io[0], setup(0, policy)}, {io[1], setup(1, policy)}}},
        clients{{{client_io[0], {}}, {client_io[1], {}}}} {
    const std::array addresses{kAliceAt, kBobAt};
    const std::array indices{kAlice, kBob};
    routing::RouteTableBuilder routes;
    routes.add(tunio::Prefix{kAliceInside, 32}, PeerIndex{kAlice});
    routes.add(tunio::Prefix{kBobInside, 32}, PeerIndex{kBob});
    for (std::uint32_t i = 0; i < 2; ++i) {
      Peer& peer = workers[i].add_peer(indices[i], {addresses[i], std::nullopt});
      workers[i].add_key(peer, kKey, proto::PeerId{indices[i]});
      workers[1 - i].peers.add_remote({PeerIndex{indices[i]}, WorkerId{i}, addresses[i]});
      workers[i].set_routes(routes.build());
      Peer& server = clients[i].add_peer(0, {kServerAt, std::nullopt});
      clients[i].add_key(server, kKey, proto::PeerId{indices[i]});
    }
  }

  test::EndSetup setup(std::uint32_t worker, const InboundPolicy& policy) {
    return {.role = crypto::Role::server, .policy = policy, .handover = handover, .worker = WorkerId{worker}};
  }

  // What a client seals of a packet, as datagrams of one size.
  Bytes sealed_by(std::uint32_t client, const Bytes& packet) {
    client_io[client].tun_gives(packet);
    clients[client].turn();
    return client_io[client].take_sent().at(0).bytes;
  }
  // What a client makes of the runs that a worker sent.
  std::vector<Bytes> opened_by(std::uint32_t client, std::vector<MemoryIo::SentRun> runs) {
    for (const auto& run : runs) client_io[client].udp_gives(kServerAt, run.bytes, run.segment_size);
    clients[client].turn();
    std::vector<Bytes> packets;
    for (const auto& written : client_io[client].take_written()) packets.push_back(written.packet);
    return packets;
  }
  bool woken(std::uint32_t worker) { return io[worker].wait(std::chrono::nanoseconds(0)).woken; }

  const tunio::IpAddress kAliceInside = test::address("10.8.0.1");
  const tunio::IpAddress kHost = test::address("10.8.0.2");
  const tunio::IpAddress kBobInside = test::address("10.8.0.3");
  const tunio::Endpoint kServerAt = test::endpoint("192.0.2.1", 1194);
  const tunio::Endpoint kAliceAt = test::endpoint("198.51.100.1", 4001);
  const tunio::Endpoint kBobAt = test::endpoint("198.51.100.2", 4002);

  std::shared_ptr<Handover> handover = std::make_shared<Handover>(2);
  std::array<MemoryIo, 2> io;
  std::array<MemoryIo, 2> client_io;
  std::array<test::End, 2> workers;
  std::array<test::End, 2> clients;
};

TEST_F(HandoverTest, SendsThroughItsOwnerWhatAnotherWorkerRead) {
  const Bytes packet = test::between(Udp{.payload = pattern(500)}.packet(), kHost, kBobInside);
  io[0].tun_gives(packet);
  workers[0].turn();
  EXPECT_TRUE(io[0].take_sent().empty());
  workers[1].turn();
  const auto runs = io[1].take_sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].to, kBobAt);
  EXPECT_EQ(opened_by(1, runs), std::vector<Bytes>{packet});
  EXPECT_EQ(workers[0].port.given().get(), 1U);
  EXPECT_EQ(workers[0].dropped() + workers[1].dropped(), 0U);
}

TEST_F(HandoverTest, KeepsSuperPacketsWhole) {
  auto super = test::tcp_super_packet(20'000, 1400);
  super.packet = test::between(super.packet, kHost, kBobInside);
  tunio::test::make_partial(super.packet);
  io[0].tun_gives(super.packet, super.header);
  workers[0].turn();
  EXPECT_EQ(workers[0].port.given().get(), 1U);
  workers[1].turn();
  const auto runs = io[1].take_sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ((runs[0].bytes.size() + runs[0].segment_size - 1) / runs[0].segment_size, 15U);
  EXPECT_EQ(opened_by(1, runs).size(), 1U) << "merged again behind the tunnel";
}

TEST_F(HandoverTest, ClampsAndFiltersAsTheOwnerSays) {
  workers[1].peers.at(PeerIndex{kBob})->settings.block_ipv6 = true;
  routing::RouteTableBuilder routes;
  routes.add(tunio::Prefix::parse("fd00::/16").value(), PeerIndex{kBob});
  workers[0].set_routes(routes.build());
  io[0].tun_gives(Udp{.family = tunio::test::Family::v6}.packet());
  workers[0].turn();
  workers[1].turn();
  EXPECT_EQ(workers[1].dropped(DropReason::ipv6_blocked), 1U);
}

TEST_F(HandoverTest, KeepsTheOrderOfAFlow) {
  std::vector<Bytes> packets;
  for (unsigned i = 0; i < 5; ++i) {
    packets.push_back(test::between(Udp{.payload = pattern(100 + i, i)}.packet(), kHost, kBobInside));
    io[0].tun_gives(packets.back());
    if (i % 2 == 0) workers[0].turn();
  }
  workers[1].turn();
  std::vector<Bytes> arrived;
  for (auto& run : io[1].take_sent()) {
    for (auto& packet : opened_by(1, {std::move(run)})) arrived.push_back(std::move(packet));
  }
  EXPECT_EQ(arrived, packets);
}

TEST_F(HandoverTest, OpensThroughItsOwnerWhatAnotherWorkerReceived) {
  const Bytes packet = test::between(Udp{}.packet(), kBobInside, kHost);
  io[0].udp_gives(kBobAt, sealed_by(1, packet));
  workers[0].turn();
  EXPECT_TRUE(io[0].take_written().empty());
  workers[1].turn();
  const auto written = io[1].take_written();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, packet);
}

TEST_F(HandoverTest, LetsAPeerFloatThroughAnotherWorker) {
  const auto elsewhere = test::endpoint("203.0.113.9", 9);
  io[0].udp_gives(elsewhere, sealed_by(1, test::between(Udp{}.packet(), kBobInside, kHost)));
  workers[0].turn();
  workers[1].turn();
  const auto floated = workers[1].recorder.all<PeerFloated>();
  ASSERT_EQ(floated.size(), 1U);
  EXPECT_EQ(floated[0].endpoint, elsewhere);
}

// Clients of old send no peer id: the kernel cannot steer their packets, which all reach worker 0.
TEST_F(HandoverTest, FindsTheOwnerOfDataV1ByItsAddress) {
  Peer& server = *clients[1].peers.at(PeerIndex{0});
  clients[1].add_key(server, kKey, std::nullopt);
  const Bytes packet = test::between(Udp{}.packet(), kBobInside, kHost);
  const Bytes datagram = sealed_by(1, packet);
  workers[1].add_key(*workers[1].peers.at(PeerIndex{kBob}), kKey, std::nullopt);
  io[0].udp_gives(kBobAt, datagram);
  io[0].udp_gives(test::endpoint("203.0.113.9", 9), datagram);
  workers[0].turn();
  EXPECT_EQ(workers[0].dropped(DropReason::unknown_peer), 1U) << "from an address that nobody has";
  workers[1].turn();
  EXPECT_EQ(io[1].take_written().size(), 1U);

  workers[0].peers.move_remote(PeerIndex{kBob}, test::endpoint("203.0.113.9", 9));
  io[0].udp_gives(kBobAt, datagram);
  workers[0].turn();
  EXPECT_EQ(workers[0].dropped(DropReason::unknown_peer), 2U) << "Bob has moved";
}

TEST_F(HandoverTest, SendsNothingRoundASecondTime) {
  workers[1].peers.add_remote({PeerIndex{kBob}, WorkerId{0}, kBobAt});  // each thinks it is the other's
  io[0].udp_gives(kBobAt, sealed_by(1, Udp{}.packet()));
  io[0].tun_gives(test::between(Udp{}.packet(), kHost, kBobInside));
  workers[0].turn();
  workers[1].turn();
  EXPECT_EQ(workers[1].dropped(DropReason::unknown_peer), 1U);
  EXPECT_EQ(workers[1].dropped(DropReason::no_route), 1U);
  EXPECT_EQ(workers[1].port.given().get(), 0U);
}

TEST_F(HandoverTest, DropsForPeersThatNobodyHasAnyMore) {
  workers[0].peers.remove(PeerIndex{kBob});
  io[0].tun_gives(test::between(Udp{}.packet(), kHost, kBobInside));
  io[0].udp_gives(kBobAt, sealed_by(1, Udp{}.packet()));
  workers[0].turn();
  EXPECT_EQ(workers[0].dropped(DropReason::no_route), 1U);
  EXPECT_EQ(workers[0].dropped(DropReason::unknown_peer), 1U);
}

TEST_F(HandoverTest, NeverHandsADatagramToAPeerWithAStream) {
  workers[0].peers.add_remote({PeerIndex{kBob}, WorkerId{1}, std::nullopt});
  io[0].udp_gives(kBobAt, sealed_by(1, Udp{}.packet()));
  workers[0].turn();
  EXPECT_EQ(workers[0].dropped(DropReason::unknown_peer), 1U);
}

TEST_F(HandoverTest, CountsWhatDoesNotFitTheRing) {
  const Bytes packet = test::between(Udp{.payload = pattern(60'000)}.packet(), kHost, kBobInside);
  for (int i = 0; i < 100; ++i) {
    io[0].tun_gives(packet);
    workers[0].turn();
  }
  const auto full = workers[0].dropped(DropReason::handover_full);
  EXPECT_GT(full, 0U);
  EXPECT_EQ(full + workers[0].port.given().get(), 100U);
}

TEST_F(HandoverTest, WakesTheOwnerOnceUntilItHasFoundNothing) {
  const Bytes packet = test::between(Udp{}.packet(), kHost, kBobInside);
  const auto one_more = [&] {
    io[0].tun_gives(packet);
    workers[0].turn();
  };
  one_more();
  EXPECT_TRUE(woken(1));
  one_more();
  EXPECT_FALSE(woken(1)) << "it was told already";
  workers[1].turn();
  EXPECT_TRUE(workers[1].port.expects_more()) << "after a busy turn it looks again instead of sleeping";
  one_more();
  EXPECT_FALSE(woken(1));
  workers[1].turn();
  workers[1].turn();
  EXPECT_FALSE(workers[1].port.expects_more());
  one_more();
  EXPECT_TRUE(woken(1));
}

class HandoverBetweenClients : public HandoverTest {
 protected:
  HandoverBetweenClients() : HandoverTest({.client_to_client = true}) {}
};

TEST_F(HandoverBetweenClients, ForwardsToThePeerOfAnotherWorker) {
  const Bytes packet = test::between(Udp{.payload = pattern(40)}.packet(), kAliceInside, kBobInside);
  io[0].udp_gives(kAliceAt, sealed_by(0, packet));
  workers[0].turn();
  EXPECT_TRUE(io[0].take_written().empty());
  workers[1].turn();
  EXPECT_EQ(opened_by(1, io[1].take_sent()), std::vector<Bytes>{packet});
}

TEST_F(HandoverBetweenClients, ForwardsInTheFramingOfThePeerItGoesTo) {
  workers[1].peers.at(PeerIndex{kBob})->settings.framing = proto::CompressionFraming::stub_v2;
  clients[1].peers.at(PeerIndex{0})->settings.framing = proto::CompressionFraming::stub_v2;
  const Bytes packet = test::between(Udp{.payload = pattern(40)}.packet(), kAliceInside, kBobInside);
  io[0].udp_gives(kAliceAt, sealed_by(0, packet));
  workers[0].turn();
  workers[1].turn();
  EXPECT_EQ(opened_by(1, io[1].take_sent()), std::vector<Bytes>{packet});
}

// A client's second worker has a tun queue and no peer of its own.
TEST(HandoverOnAClient, SendsEverythingThroughTheWorkerThatHasTheSession) {
  const auto handover = std::make_shared<Handover>(2);
  MemoryIo io[2];
  test::End first(io[0], {.handover = handover, .worker = WorkerId{0}});
  test::End second(io[1], {.handover = handover, .worker = WorkerId{1}});
  io[1].tun_gives(Udp{}.packet());
  second.turn();
  EXPECT_EQ(second.dropped(DropReason::no_route), 1U) << "not connected yet";

  first.add_key(first.add_peer(0, {test::endpoint("192.0.2.1", 1194), std::nullopt}), kKey, proto::PeerId{5});
  second.peers.add_remote({PeerIndex{0}, WorkerId{0}, test::endpoint("192.0.2.1", 1194)});
  io[1].tun_gives(Udp{}.packet());
  second.turn();
  first.turn();
  EXPECT_EQ(io[0].take_sent().size(), 1U);
}

// ---- with their threads ----

class HandingWorkers : public testing::Test {
 protected:
  static constexpr PeerIndex kPeer{1};

  HandingWorkers() {
    const auto handover = std::make_shared<Handover>(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
      WorkerConfig config;
      config.role = crypto::Role::server;
      config.id = {i};
      config.handover = handover;
      workers[i] = std::make_unique<Worker>(
          std::move(config), [] {}, [this, i](tunio::IoConfig, std::string&) { return stages[i].make_io(); });
    }
    routing::RouteTableBuilder routes;
    routes.add(tunio::Prefix::parse("10.8.0.0/24").value(), kPeer);
    const Link link{test::endpoint("198.51.100.1", 4001), std::nullopt};
    workers[1]->post(
        AddPeer{kPeer, link, {.wire_id = proto::PeerId{1}}, std::make_shared<TrafficCounters>()});
    workers[1]->post(AddKey{
        kPeer, kKey,
        std::make_unique<proto::StockSealer>(kAlgorithm, test::test_keys(), crypto::Role::server, kKey,
                                             proto::PeerId{1}),
        std::make_unique<proto::StockOpener>(kAlgorithm, test::test_keys(), crypto::Role::server, kKey)});
    workers[1]->post(SendWithKey{kPeer, kKey});
    workers[0]->post(AddRemotePeer{kPeer, WorkerId{1}, link.endpoint});
    for (auto& worker : workers) worker->post(SetRoutes{routes.build()});
  }
  ~HandingWorkers() override {
    for (auto& worker : workers) worker->halt();
  }

  static constexpr auto kAlgorithm = crypto::AeadAlgorithm::aes_128_gcm;
  test::Stage stages[2];
  std::unique_ptr<Worker> workers[2];
};

TEST_F(HandingWorkers, WakeEachOther) {
  for (int i = 0; i < 3; ++i) {
    stages[0].turn([](MemoryIo& io) { io.tun_gives(Udp{}.packet()); });
    EXPECT_EQ(stages[1].when_idle([](MemoryIo& io) { return io.take_sent(); }).size(), 1U);
  }
  EXPECT_EQ(workers[0]->handed_over(), 3U);
}

TEST_F(HandingWorkers, DropForAPeerThatWasRemovedEverywhere) {
  for (auto& worker : workers) worker->post(RemovePeer{kPeer});
  stages[0].turn([](MemoryIo& io) { io.tun_gives(Udp{}.packet()); });
  EXPECT_EQ(workers[0]->drops().get(DropReason::no_route), 1U);
}

TEST_F(HandingWorkers, TakeOverAPeerThatWasAnothers) {
  const Link link{test::endpoint("198.51.100.1", 4001), std::nullopt};
  workers[1]->post(AddRemotePeer{kPeer, WorkerId{0}, link.endpoint});
  workers[0]->post(AddPeer{kPeer, link, {.wire_id = proto::PeerId{1}}, std::make_shared<TrafficCounters>()});
  stages[0].when_idle([](MemoryIo&) {});
  stages[1].turn([](MemoryIo& io) { io.tun_gives(Udp{}.packet()); });
  stages[0].when_idle([](MemoryIo&) {});
  EXPECT_EQ(workers[1]->handed_over(), 1U);
  EXPECT_EQ(workers[0]->drops().get(DropReason::not_established), 1U) << "it has the peer, and no key yet";
}

TEST_F(HandingWorkers, HandOverUntilTheyAreHalted) {
  workers[1]->halt();  // gone from its rings, but still there to be woken
  stages[0].turn([](MemoryIo& io) { io.tun_gives(Udp{}.packet()); });
  EXPECT_EQ(workers[0]->handed_over(), 1U);
}

}  // namespace
}  // namespace vpnd::dataplane
