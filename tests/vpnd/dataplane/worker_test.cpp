#include "vpnd/dataplane/worker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "proto/stock_channel.hpp"
#include "tests/vpnd/dataplane/end.hpp"
#include "tests/vpnd/dataplane/guided_io.hpp"

namespace vpnd::dataplane {
namespace {

using proto::DropReason;
using test::Bytes;
using tunio::MemoryIo;
using tunio::test::bytes_of;
using tunio::test::pattern;
using tunio::test::Udp;

constexpr auto kAlgorithm = crypto::AeadAlgorithm::aes_128_gcm;
constexpr PeerIndex kPeer{0};

class WorkerTest : public testing::Test {
 protected:
  void start(WorkerConfig config = {}) {
    worker = std::make_unique<Worker>(
        std::move(config), [this] { ++notified; },
        [this](tunio::IoConfig, std::string& why) {
          why = "in memory";
          return stage.make_io();
        });
  }

  // ---- commands ----
  void add_peer(const Link& link) {
    worker->post(AddPeer{kPeer, link, {.wire_id = proto::PeerId{1}}, counters});
  }
  void add_key(unsigned key) {
    const proto::KeyId id{static_cast<std::uint8_t>(key)};
    worker->post(AddKey{
        kPeer, id,
        std::make_unique<proto::StockSealer>(kAlgorithm, test::test_keys(), crypto::Role::client, id,
                                             proto::PeerId{1}),
        std::make_unique<proto::StockOpener>(kAlgorithm, test::test_keys(), crypto::Role::client, id)});
  }
  void send_with(unsigned key) { worker->post(SendWithKey{kPeer, {static_cast<std::uint8_t>(key)}}); }
  void retire(unsigned key) { worker->post(RetireKey{kPeer, {static_cast<std::uint8_t>(key)}}); }
  void connect() {
    add_peer({kServerAt, std::nullopt});
    add_key(0);
    send_with(0);
  }

  // ---- what happens in the world ----
  void tun_gives(const Bytes& packet) {
    stage.turn([&](MemoryIo& io) { io.tun_gives(packet); });
  }
  void udp_gives(const Bytes& datagram) {
    stage.turn([&](MemoryIo& io) { io.udp_gives(kServerAt, datagram); });
  }
  std::vector<MemoryIo::SentRun> sent() {
    return stage.when_idle([](MemoryIo& io) { return io.take_sent(); });
  }
  void settle() {
    stage.when_idle([](MemoryIo&) {});
  }
  template <typename Wanted>
  std::vector<Wanted> events() {
    settle();
    std::vector<Event> all;
    worker->events().take(all);
    std::vector<Wanted> found;
    for (Event& event : all) {
      if (auto* wanted = std::get_if<Wanted>(&event)) found.push_back(std::move(*wanted));
    }
    return found;
  }
  // A record of the server for this client.
  Bytes sealed_by_server(const Bytes& packet) {
    proto::StockSealer sealer(kAlgorithm, test::test_keys(), crypto::Role::server, proto::KeyId{0},
                              proto::PeerId{1});
    Bytes wire(sealer.overhead() + packet.size());
    const proto::PlainRecord record{packet.data(), packet.size(), wire.data()};
    EXPECT_EQ(sealer.seal({&record, 1}), 1U);
    return wire;
  }
  static int key_of(const Bytes& datagram) { return std::to_integer<int>(datagram.at(0)) & 7; }

  const tunio::Endpoint kServerAt = test::endpoint("192.0.2.1", 1194);
  std::shared_ptr<TrafficCounters> counters = std::make_shared<TrafficCounters>();
  std::atomic<int> notified{0};
  test::Stage stage;  // outlives the worker
  std::unique_ptr<Worker> worker;
};

TEST_F(WorkerTest, SaysWhichPathItTook) {
  start();
  EXPECT_EQ(worker->data_path(), "in memory");
}

TEST_F(WorkerTest, AClientProbesThePathAsSoonAsItMaySend) {
  start();
  PeerSettings settings;
  settings.wire_id = proto::PeerId{1};
  settings.batch = BatchSettings{.body_size = 1448, .ip_overhead = 28};
  worker->post(AddPeer{kPeer, {kServerAt, std::nullopt}, settings, counters});
  add_key(0);
  EXPECT_TRUE(sent().empty()) << "nothing to send with";
  send_with(0);
  const auto first = sent();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].bytes.size(), 1200U);
  EXPECT_EQ(first[0].to, kServerAt);
  EXPECT_EQ(first[0].header.fragments, tunio::Fragments::forbidden);

  const auto elsewhere = test::endpoint("192.0.2.9", 1194);
  worker->post(MovePeer{kPeer, elsewhere});
  const auto again = sent();
  ASSERT_EQ(again.size(), 1U) << "what was learned is void";
  EXPECT_EQ(again[0].to, elsewhere);
}

TEST_F(WorkerTest, AServerDoesNotProbeBeforeItHearsTheClient) {
  WorkerConfig config;
  config.role = crypto::Role::server;
  start(std::move(config));
  PeerSettings settings;
  settings.wire_id = proto::PeerId{0};
  settings.batch = BatchSettings{.body_size = 1448, .ip_overhead = 28};
  worker->post(AddPeer{kPeer, {kServerAt, std::nullopt}, settings, counters});
  add_key(0);
  send_with(0);
  EXPECT_TRUE(sent().empty());
}

TEST_F(WorkerTest, PassesOnWhatTheFactoryThrows) {
  const auto refuse = [](tunio::IoConfig, std::string&) -> std::unique_ptr<tunio::BatchIo> {
    throw std::runtime_error("no io");
  };
  EXPECT_THROW(Worker(
                   {}, [] {}, refuse),
               std::runtime_error);
}

TEST_F(WorkerTest, SendsNothingBeforeItIsToldWithWhichKey) {
  start();
  add_peer({kServerAt, std::nullopt});
  add_key(0);
  tun_gives(Udp{}.packet());
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(worker->drops().get(DropReason::not_established), 1U);

  send_with(0);
  tun_gives(Udp{}.packet());
  const auto runs = sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].to, kServerAt);
  EXPECT_EQ(counters->records_sent.get(), 1U);
}

TEST_F(WorkerTest, ChangesKeysWithoutAGap) {
  start();
  connect();
  add_key(1);
  tun_gives(Udp{}.packet());
  send_with(1);
  tun_gives(Udp{}.packet());
  retire(0);
  tun_gives(Udp{}.packet());
  const auto runs = sent();
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(key_of(runs[0].bytes), 0);
  EXPECT_EQ(key_of(runs[1].bytes), 1);
  EXPECT_EQ(key_of(runs[2].bytes), 1);
}

TEST_F(WorkerTest, OpensNothingWithARetiredKey) {
  start();
  connect();
  retire(0);
  udp_gives(sealed_by_server(Udp{}.packet()));
  tun_gives(Udp{}.packet());
  settle();
  EXPECT_EQ(worker->drops().get(DropReason::unknown_key), 1U);
  EXPECT_EQ(worker->drops().get(DropReason::not_established), 1U);
}

TEST_F(WorkerTest, IgnoresCommandsForPeersAndKeysThatAreNotThere) {
  start();
  add_key(0);
  send_with(0);
  retire(0);
  worker->post(RemovePeer{kPeer});
  worker->post(UpdatePeer{kPeer, {}});
  worker->post(MovePeer{kPeer, kServerAt});
  worker->post(SendPayload{kPeer, bytes_of({1})});
  add_peer({kServerAt, std::nullopt});
  send_with(3);
  tun_gives(Udp{}.packet());
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(worker->drops().get(DropReason::not_established), 1U);
}

TEST_F(WorkerTest, WritesWhatItOpensToTunAndReportsTheKeysFirstUse) {
  start();
  connect();
  const Bytes packet = Udp{.payload = pattern(99)}.packet();
  udp_gives(sealed_by_server(packet));
  const auto written = stage.when_idle([](MemoryIo& io) { return io.take_written(); });
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, packet);
  EXPECT_EQ(events<KeyUsed>().size(), 1U);
  EXPECT_EQ(counters->records_received.get(), 1U);
}

TEST_F(WorkerTest, SendsWhereAPeerMovedTo) {
  start();
  connect();
  const auto elsewhere = test::endpoint("203.0.113.5", 5);
  worker->post(MovePeer{kPeer, elsewhere});
  tun_gives(Udp{}.packet());
  const auto runs = sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].to, elsewhere);
}

TEST_F(WorkerTest, AppliesNewSettings) {
  start();
  connect();
  worker->post(UpdatePeer{kPeer, {.wire_id = {}, .block_ipv6 = true}});
  tun_gives(Udp{.family = tunio::test::Family::v6}.packet());
  settle();
  EXPECT_EQ(worker->drops().get(DropReason::ipv6_blocked), 1U);
}

TEST_F(WorkerTest, RoutesBySnapshot) {
  start();
  connect();
  routing::RouteTableBuilder routes;
  routes.add(tunio::Prefix::parse("10.8.0.2/32").value(), kPeer);
  worker->post(SetRoutes{routes.build()});
  tun_gives(Udp{}.packet());  // to 10.8.0.2
  worker->post(SetRoutes{routing::RouteTableBuilder().build()});
  tun_gives(Udp{}.packet());
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(worker->drops().get(DropReason::no_route), 1U);
}

TEST_F(WorkerTest, ForgetsARemovedPeer) {
  start();
  connect();
  worker->post(RemovePeer{kPeer});
  udp_gives(sealed_by_server(Udp{}.packet()));
  tun_gives(Udp{}.packet());
  settle();
  EXPECT_EQ(worker->drops().get(DropReason::unknown_peer), 1U);
  EXPECT_EQ(worker->drops().get(DropReason::no_route), 1U);
}

TEST_F(WorkerTest, SendsAPayloadBeforeALaterCommandTakesAwayItsKeyOrPeer) {
  start();
  connect();
  worker->post(SendPayload{kPeer, {proto::kPingPayload.begin(), proto::kPingPayload.end()}});
  retire(0);
  EXPECT_EQ(sent().size(), 1U);

  add_key(1);
  send_with(1);
  worker->post(SendPayload{kPeer, {proto::kPingPayload.begin(), proto::kPingPayload.end()}});
  worker->post(RemovePeer{kPeer});
  EXPECT_EQ(sent().size(), 1U);
}

// ---- control packets ----

TEST_F(WorkerTest, CarriesControlPacketsDown) {
  start();
  const Bytes packet = bytes_of({4 << 3, 1, 2, 3});
  worker->post(SendControl{{kServerAt, std::nullopt}, std::nullopt, packet});
  const auto runs = sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].to, kServerAt);
  EXPECT_EQ(runs[0].bytes, packet);
  EXPECT_EQ(runs[0].segment_size, packet.size());
}

TEST_F(WorkerTest, CountsControlPacketsForTheirPeer) {
  start();
  connect();
  worker->post(SendControl{{kServerAt, std::nullopt}, kPeer, bytes_of({4 << 3, 1, 2, 3})});
  settle();
  EXPECT_EQ(counters->bytes_sent.get(), 4U);
}

TEST_F(WorkerTest, CarriesControlPacketsUpAndNotifiesOnce) {
  start();
  stage.turn([&](MemoryIo& io) {
    io.udp_gives(kServerAt, bytes_of({7 << 3, 1}));
    io.udp_gives(kServerAt, bytes_of({7 << 3, 2, 3}));
  });
  settle();
  EXPECT_EQ(notified, 1);
  std::vector<ControlPacket> packets;
  worker->control_packets().take(packets);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].size, 2U);
  EXPECT_EQ(packets[1].size, 3U);
  EXPECT_EQ(packets[1].bytes[2], std::byte{3});
  EXPECT_EQ(packets[1].link.endpoint, kServerAt);
}

TEST_F(WorkerTest, BoundsTheControlPacketsOfStrangers) {
  WorkerConfig few;
  few.control_packets = 3;
  start(std::move(few));
  stage.turn([&](MemoryIo& io) {
    for (int i = 0; i < 5; ++i) io.udp_gives(kServerAt, bytes_of({7 << 3, i}));
    io.udp_gives(kServerAt, Bytes(ControlPacket::kMaxSize + 1, std::byte{7 << 3}));
  });
  settle();
  std::vector<ControlPacket> packets;
  worker->control_packets().take(packets);
  EXPECT_EQ(packets.size(), 3U);
  EXPECT_EQ(worker->drops().get(DropReason::control_queue_full), 2U);
  EXPECT_EQ(worker->drops().get(DropReason::too_big), 1U);
}

// ---- streams ----

TEST_F(WorkerTest, ReportsAStreamItTookAndFramesWhatGoesThere) {
  start();
  worker->post(AddStream{tunio::UniqueFd(), kServerAt});
  const auto opened = events<StreamOpened>();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0].remote, kServerAt);
  const tunio::StreamId stream = opened[0].stream;

  worker->post(SendControl{{kServerAt, stream}, std::nullopt, bytes_of({4 << 3, 9})});
  EXPECT_EQ(stage.when_idle([&](MemoryIo& io) { return io.take_stream(stream); }),
            bytes_of({0, 2, 4 << 3, 9}));

  worker->post(CloseStream{WorkerId{}, stream});
  EXPECT_FALSE(stage.when_idle([&](MemoryIo& io) { return io.is_open(stream); }));
  EXPECT_TRUE(events<StreamEnded>().empty());
}

TEST_F(WorkerTest, ReportsAStreamThatEnded) {
  start();
  worker->post(AddStream{tunio::UniqueFd(), kServerAt});
  const auto stream = events<StreamOpened>().at(0).stream;
  stage.turn([&](MemoryIo& io) { io.stream_ends(stream, tunio::StreamError::end_of_stream); });
  const auto ended = events<StreamEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].stream, stream);
  EXPECT_EQ(ended[0].reason, tunio::StreamError::end_of_stream);
}

// ---- the end ----

TEST_F(WorkerTest, ReportsADeviceThatFails) {
  start();
  stage.turn([](MemoryIo& io) { io.tun_fails(std::make_error_code(std::errc::no_such_device)); });
  const auto failed = events<WorkerFailed>();
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_NE(failed[0].reason.find("tun device"), std::string::npos);
}

TEST_F(WorkerTest, CarriesOutEverythingPostedBeforeItStops) {
  start();
  connect();
  worker->post(SendPayload{kPeer, {proto::kPingPayload.begin(), proto::kPingPayload.end()}});
  worker->post(SendControl{{kServerAt, std::nullopt}, std::nullopt, bytes_of({4 << 3})});
  worker.reset();
  EXPECT_EQ(sent().size(), 2U);
}

}  // namespace
}  // namespace vpnd::dataplane
