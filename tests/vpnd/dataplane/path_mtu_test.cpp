// The size of records on paths that take less than the link's MTU, and change.

#include <gtest/gtest.h>

#include "proto/batch_channel.hpp"
#include "tests/vpnd/dataplane/tunnel.hpp"

namespace vpnd::dataplane {
namespace {

using namespace std::chrono_literals;
using proto::kRecordOverhead;
using test::Bytes;
using tunio::test::pattern;
using tunio::test::Udp;

constexpr std::size_t kEthernet = 1472;  // UDP payload of 1,500 bytes, over IPv4
constexpr std::size_t kBase = 1200;

PeerSettings discovering() {
  PeerSettings settings;
  settings.batch = BatchSettings{.body_size = kEthernet - kRecordOverhead, .ip_overhead = 28};
  return settings;
}

class PathMtuTest : public test::Tunnel {
 protected:
  PathMtuTest() : Tunnel({.role = crypto::Role::client}, {.role = crypto::Role::server}, discovering()) {}

  // The worker's part when the client has its first key.
  void begin() {
    to_server.batch->is_heard = true;
    client.outbound.begin_turn(client.now);
    client.outbound.probe_path(to_server);
    client.turn();
  }

  // To and fro until nobody has anything to say. What is larger than the path takes is lost.
  void network_settles() {
    for (bool quiet = false; !quiet;) {
      quiet = carry(client_io, server_io, kAliceAt) + carry(server_io, client_io, kServerAt) == 0;
      server.turn();
      client.turn();
    }
  }

  // So many seconds pass, with a tick in each; `traffic` has the client read a large packet in each.
  enum class Traffic : std::uint8_t { none, large };
  void pass(int seconds, Traffic traffic = Traffic::none) {
    for (int i = 0; i < seconds; ++i) {
      client.now += 1s;
      server.now += 1s;
      for (auto [end, peer] : {std::pair(&client, &to_server), std::pair(&server, &to_alice)}) {
        end->outbound.begin_turn(end->now);
        end->outbound.probe_path(*peer);
        end->turn();
      }
      if (traffic == Traffic::large) client_reads(large_);
      network_settles();
    }
  }

  // Whether a packet that is larger than any record arrives as it was sent.
  bool carries_large_packet() {
    server_io.take_written();
    client_reads(large_);
    network_settles();
    const auto written = server_io.take_written();
    return written.size() == 1 && written[0].packet == large_;
  }

  std::size_t client_datagram() const { return to_server.batch->body_size + kRecordOverhead; }
  std::size_t server_datagram() const { return to_alice.batch->body_size + kRecordOverhead; }

  std::size_t path_takes = kEthernet;
  std::size_t lost = 0;
  const Bytes large_ = Udp{.payload = pattern(8000)}.packet();

 private:
  std::size_t carry(tunio::MemoryIo& from, tunio::MemoryIo& to, const tunio::Endpoint& source) {
    std::size_t datagrams = 0;
    for (const auto& run : from.take_sent()) {
      EXPECT_EQ(run.header.fragments, tunio::Fragments::forbidden);
      for (const Bytes& datagram : run.datagrams()) {
        ++datagrams;
        if (datagram.size() <= path_takes) {
          to.udp_gives(source, datagram);
        } else {
          ++lost;
        }
      }
    }
    return datagrams;
  }
};

TEST_F(PathMtuTest, BeginsWithTheBaseSize) {
  EXPECT_EQ(client_datagram(), kBase);
  EXPECT_EQ(server_datagram(), kBase);
  EXPECT_TRUE(carries_large_packet());
}

TEST_F(PathMtuTest, ReachesTheLargestSizeOfAWidePathWithoutWaiting) {
  begin();
  network_settles();
  EXPECT_EQ(client_datagram(), kEthernet);
  EXPECT_EQ(server_datagram(), kEthernet) << "the server begins when it hears from the client";
  EXPECT_TRUE(carries_large_packet());
  EXPECT_EQ(lost, 0U);
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_F(PathMtuTest, DoesNotProbeBeforeThePeerHasItsKeys) {
  pass(5);
  EXPECT_EQ(server_io.counters().udp_runs_sent, 0U);
  begin();
  network_settles();
  EXPECT_EQ(server_datagram(), kEthernet);
}

TEST_F(PathMtuTest, AProbeIsAloneInItsRun) {
  client.outbound.begin_turn(client.now);
  client_io.tun_gives(large_);
  client.turn();
  (void)client_io.take_sent();
  begin();
  const auto runs = client_io.take_sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].bytes.size(), kBase);
  EXPECT_EQ(runs[0].segment_size, kBase);
}

TEST_F(PathMtuTest, FindsTheSizeOfANarrowPathWhileTrafficFlows) {
  for (const std::size_t mtu : {1400U, 1280U}) {
    path_takes = mtu - 28;
    client.outbound.begin_turn(client.now);
    client.outbound.follow_path(to_server);
    begin();
    network_settles();
    for (int i = 0; i < 20; ++i) {
      pass(1);
      EXPECT_TRUE(carries_large_packet()) << mtu << ", second " << i;
    }
    EXPECT_EQ(client_datagram(), path_takes);
  }
}

TEST_F(PathMtuTest, GoesDownWhenThePathBecomesNarrowAndUpAgain) {
  begin();
  network_settles();
  ASSERT_EQ(client_datagram(), kEthernet);
  path_takes = 1400 - 28;
  EXPECT_FALSE(carries_large_packet());
  pass(30, Traffic::large);
  EXPECT_EQ(client_datagram(), path_takes);
  EXPECT_TRUE(carries_large_packet());

  path_takes = kEthernet;
  pass(300, Traffic::large);
  EXPECT_EQ(client_datagram(), 1372U) << "the raise timer has not run out";
  pass(310, Traffic::large);
  EXPECT_EQ(client_datagram(), kEthernet);
}

TEST_F(PathMtuTest, GoesDownAtOnceWhenTheOwnDeviceRefuses) {
  begin();
  network_settles();
  path_takes = 1400 - 28;
  client.outbound.begin_turn(client.now);
  client.outbound.path_refused({kBobAt, kEthernet});
  EXPECT_EQ(client_datagram(), kEthernet) << "it was for somebody else";
  client.outbound.path_refused({kServerAt, kEthernet});
  EXPECT_EQ(client_datagram(), kBase);
  client.turn();
  EXPECT_TRUE(carries_large_packet());
}

TEST_F(PathMtuTest, CarriesLargePacketsOverTheSmallestPath) {
  path_takes = 548;
  begin();
  pass(20, Traffic::large);
  EXPECT_EQ(client_datagram(), 548U);
  EXPECT_TRUE(carries_large_packet());
}

TEST_F(PathMtuTest, BeginsAnewAtAnotherPlace) {
  begin();
  network_settles();
  ASSERT_EQ(server_datagram(), kEthernet);
  server.outbound.begin_turn(server.now);
  server.peers.move(to_alice, kBobAt);
  server.outbound.follow_path(to_alice);
  EXPECT_EQ(server_datagram(), kBase);
  server.turn();
  network_settles();
  EXPECT_EQ(server_datagram(), kEthernet);
}

// A record that was laid out for the larger size, when the size goes down in the same turn.
TEST_F(PathMtuTest, SendsWhatIsLaidOutBeforeTheSizeGoesDown) {
  begin();
  network_settles();
  ASSERT_EQ(client_datagram(), kEthernet);
  client.outbound.begin_turn(client.now);
  Bytes packet = Udp{.payload = pattern(1400)}.packet();
  client.outbound.send(std::vector{tunio::TunArrival{{}, packet}});
  client.outbound.follow_path(to_server);
  EXPECT_EQ(client_datagram(), kBase);
  client.turn();
  network_settles();
  const auto written = server_io.take_written();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, packet);
}

// Only use asks for confirmation.
TEST_F(PathMtuTest, AnIdlePathIsLeftAlone) {
  begin();
  network_settles();
  const auto sent = client_io.counters().udp_runs_sent;
  pass(60);
  EXPECT_EQ(client_io.counters().udp_runs_sent, sent);
  pass(60, Traffic::large);
  EXPECT_GT(client_io.counters().udp_runs_sent, sent + 60);
}

}  // namespace
}  // namespace vpnd::dataplane
