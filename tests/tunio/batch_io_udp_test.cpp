// Runs of datagrams through both engines, over loopback. What a refusal by the kernel means is tested without
// kernel in udp_sender_test.cpp.

#include <netinet/in.h>
#include <netinet/udp.h>

#include "io_fixture.hpp"
#include "network_namespace.hpp"

namespace vpnd::tunio::test {
namespace {

using namespace std::chrono_literals;

class BatchIoUdpTest : public BothEngines {
 protected:
  static UdpOptions loopback() {
    UdpOptions options;
    options.local = Endpoint::from_text("127.0.0.1", 0);
    return options;
  }

  /// The event loop with a socket of these options; its endpoint is endpoint_.
  void open(const UdpOptions& options) {
    IoConfig config;
    config.udp = open_udp_socket(options);
    config.net_slots = 16;
    endpoint_ = local_endpoint(config.udp);
    io_ = make(std::move(config));
  }

  void sends(const Endpoint& to, const Bytes& run, std::size_t segment_size) {
    io_->send_udp(to, filled(run), run.size(), segment_size, Fragments::as_configured);
    io_->flush();
  }

  /// All bytes of the arrivals until `size` came, in order.
  Bytes receives(std::size_t size) {
    Bytes received;
    while (received.size() < size) {
      const Arrivals& arrivals = io_->wait(kPatience);
      if (arrivals.udp.empty()) break;
      for (const UdpArrival& arrival : arrivals.udp) {
        received.insert(received.end(), arrival.bytes.begin(), arrival.bytes.end());
      }
    }
    return received;
  }

  Endpoint endpoint_;
  std::unique_ptr<BatchIo> io_;
};

TEST_P(BatchIoUdpTest, ReceivesADatagramWithItsSource) {
  open(loopback());
  Correspondent peer;
  peer.sends(endpoint_, pattern(1300));
  const Arrivals& arrivals = io_->wait(kPatience);
  ASSERT_EQ(arrivals.udp.size(), 1u);
  EXPECT_EQ(arrivals.udp[0].source, peer.endpoint());
  EXPECT_EQ(to_bytes(arrivals.udp[0].bytes), pattern(1300));
  EXPECT_EQ(arrivals.udp[0].segment_size, 1300u);
  EXPECT_EQ(io_->counters().udp_datagrams_received, 1u);
}

TEST_P(BatchIoUdpTest, ReceivesTheLargestDatagram) {
  open(loopback());
  Correspondent peer;
  peer.sends(endpoint_, pattern(kMaxRunBytes));
  EXPECT_EQ(receives(kMaxRunBytes), pattern(kMaxRunBytes));
}

TEST_P(BatchIoUdpTest, ReceivesARunAsOneArrival) {
  open(loopback());
  IoConfig config;
  config.udp = open_udp_socket(loopback());
  const auto other = make(std::move(config));
  const Bytes run = pattern(10 * 1400 + 77);
  other->send_udp(endpoint_, filled(run), run.size(), 1400, Fragments::as_configured);
  other->flush();
  const Arrivals& arrivals = io_->wait(kPatience);
  ASSERT_EQ(arrivals.udp.size(), 1u);
  EXPECT_EQ(to_bytes(arrivals.udp[0].bytes), run);
  EXPECT_EQ(arrivals.udp[0].segment_size, 1400u);
  EXPECT_EQ(io_->counters().udp_runs_received, 1u);
  EXPECT_EQ(io_->counters().udp_datagrams_received, 11u);
}

TEST_P(BatchIoUdpTest, GoesOnAfterMoreDatagramsThanItHasSlots) {
  open(loopback());
  Correspondent peer;
  Bytes all;
  for (unsigned i = 0; i < 60; ++i) {
    const Bytes datagram = pattern(100, i);
    peer.sends(endpoint_, datagram);
    all.insert(all.end(), datagram.begin(), datagram.end());
  }
  EXPECT_EQ(receives(all.size()), all);
}

TEST_P(BatchIoUdpTest, DropsEmptyDatagramsWithoutLosingTheirSlots) {
  open(loopback());
  Correspondent peer;
  for (int i = 0; i < 40; ++i) peer.sends(endpoint_, {});
  peer.sends(endpoint_, pattern(10));
  EXPECT_EQ(receives(10), pattern(10));
  EXPECT_EQ(io_->counters().udp_received_malformed, 40u);
}

TEST_P(BatchIoUdpTest, SendsARunAsDatagramsOfWhichOnlyTheLastIsShorter) {
  open(loopback());
  Correspondent peer;
  const Bytes run = pattern(3 * 1000 + 10);
  sends(peer.endpoint(), run, 1000);
  for (const std::size_t offset : {0, 1000, 2000}) {
    const auto begin = run.begin() + static_cast<std::ptrdiff_t>(offset);
    EXPECT_EQ(peer.receives(), Bytes(begin, begin + 1000));
  }
  EXPECT_EQ(peer.receives(), Bytes(run.end() - 10, run.end()));
  EXPECT_EQ(io_->counters().udp_runs_sent, 1u);
  EXPECT_EQ(io_->counters().udp_datagrams_sent, 4u);
  EXPECT_EQ(io_->counters().udp_bytes_sent, 3010u);
  EXPECT_EQ(io_->counters().gso_fallbacks, 0u);
}

TEST_P(BatchIoUdpTest, SendsTheLargestRunThatTheLimitsAllow) {
  open(loopback());
  Correspondent peer;
  const std::size_t segment_size = kMaxRunBytes / kMaxSegmentsPerRun;
  sends(peer.endpoint(), pattern(segment_size * kMaxSegmentsPerRun), segment_size);
  for (std::size_t i = 0; i < kMaxSegmentsPerRun; ++i) EXPECT_EQ(peer.receives().size(), segment_size) << i;
  sends(peer.endpoint(), pattern(kMaxRunBytes), kMaxRunBytes);
  EXPECT_EQ(peer.receives(), pattern(kMaxRunBytes));
  EXPECT_EQ(io_->counters().gso_fallbacks, 0u);
}

TEST_P(BatchIoUdpTest, SendsManyRunsInOneTurnInOrderAndGetsTheirBuffersBack) {
  open(loopback());
  Correspondent peer;
  for (unsigned i = 0; i < 60; ++i)
    io_->send_udp(peer.endpoint(), filled(pattern(100, i)), 100, 100, Fragments::as_configured);
  const auto calls_before = io_->counters().system_calls;
  io_->flush();
  EXPECT_EQ(pool_.available(), pool_.capacity());
  EXPECT_LE(io_->counters().system_calls, calls_before + 2);
  for (unsigned i = 0; i < 60; ++i) EXPECT_EQ(peer.receives(), pattern(100, i)) << i;
}

TEST_P(BatchIoUdpTest, NothingGoesOutBeforeTheFlush) {
  open(loopback());
  Correspondent peer;
  io_->send_udp(peer.endpoint(), filled(pattern(100)), 100, 100, Fragments::as_configured);
  EXPECT_TRUE(peer.has_nothing());
  io_->flush();
  EXPECT_EQ(peer.receives(), pattern(100));
}

TEST_P(BatchIoUdpTest, DropsAndCountsWhatTheQueueCannotHold) {
  IoConfig config;
  config.udp = open_udp_socket(loopback());
  config.udp_queue_runs = 4;
  io_ = make(std::move(config));
  Correspondent peer;
  for (unsigned i = 0; i < 6; ++i)
    io_->send_udp(peer.endpoint(), filled(pattern(100, i)), 100, 100, Fragments::as_configured);
  EXPECT_EQ(io_->counters().udp_send_queue_full, 2u);
  io_->flush();
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(peer.receives(), pattern(100, i));
  EXPECT_TRUE(peer.has_nothing());
}

TEST_P(BatchIoUdpTest, SendsWithoutSegmentationWhenItIsSwitchedOff) {
  IoConfig config;
  config.udp = open_udp_socket(loopback());
  config.udp_segmentation = Offload::off;
  io_ = make(std::move(config));
  Correspondent peer;
  for (unsigned i = 0; i < 3; ++i)
    io_->send_udp(peer.endpoint(), filled(pattern(5000, i)), 5000, 900, Fragments::as_configured);
  io_->flush();
  for (unsigned i = 0; i < 3; ++i) {
    Bytes joined;
    for (int datagram = 0; datagram < 6; ++datagram) {
      const Bytes received = peer.receives();
      EXPECT_EQ(received.size(), datagram < 5 ? 900u : 500u);
      joined.insert(joined.end(), received.begin(), received.end());
    }
    EXPECT_EQ(joined, pattern(5000, i));
  }
  EXPECT_EQ(io_->counters().udp_runs_sent, 3u);
  EXPECT_EQ(io_->counters().udp_datagrams_sent, 18u);
  EXPECT_EQ(io_->counters().gso_fallbacks, 0u);
  EXPECT_NE(io_->description().find("without UDP segmentation"), std::string::npos);
}

TEST_P(BatchIoUdpTest, FallsBackToPlainDatagramsWhereTheKernelRefusesARun) {
  IoConfig config;
  config.udp = open_udp_socket(loopback());
  const int on = 1;  // a socket that sends no checksums may not have them made per segment: EINVAL
  ASSERT_EQ(::setsockopt(config.udp.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
  io_ = make(std::move(config));
  Correspondent peer;
  for (unsigned round = 0; round < 3; ++round) {
    sends(peer.endpoint(), pattern(2500, round), 1000);
    Bytes joined;
    for (int datagram = 0; datagram < 3; ++datagram) {
      const Bytes received = peer.receives();
      joined.insert(joined.end(), received.begin(), received.end());
    }
    EXPECT_EQ(joined, pattern(2500, round));
  }
  EXPECT_EQ(io_->counters().gso_fallbacks, 1u) << "what did not fit is not tried each time";
  EXPECT_EQ(io_->counters().udp_send_errors, 0u);
}

TEST_P(BatchIoUdpTest, CountsWhatHasNoWayToItsDestination) {
  open(loopback());
  sends(*Endpoint::from_text("2001:db8::1", 1194), pattern(100), 100);  // from an IPv4 socket
  EXPECT_EQ(io_->counters().udp_send_errors, 1u);
  io_->replace_udp(UniqueFd{});
  sends(*Endpoint::from_text("127.0.0.1", 1194), pattern(100), 100);
  EXPECT_EQ(io_->counters().udp_send_errors, 2u);
  EXPECT_EQ(pool_.available(), pool_.capacity());
}

TEST_P(BatchIoUdpTest, ReportsAMissingListenerAsAnErrorAndGoesOn) {
  Endpoint nobody;
  {
    Correspondent gone;
    nobody = gone.endpoint();
  }
  UdpOptions options = loopback();
  options.remote = nobody;
  open(options);
  sends(nobody, pattern(100), 100);  // answered by an ICMP error, which waits on the connected socket
  EXPECT_TRUE(io_->wait(1ms).empty());
  EXPECT_EQ(io_->counters().udp_receive_errors, 1u);
  sends(nobody, pattern(100), 100);
  EXPECT_FALSE(io_->wait(1ms).udp_failure);
  EXPECT_EQ(io_->counters().udp_datagrams_sent, 2u);
}

TEST_P(BatchIoUdpTest, SpeaksIpv4OnADualStackSocket) {
  UdpOptions options;
  options.local = Endpoint(IpAddress{}, 0);
  IoConfig config;
  config.udp = open_udp_socket(options);
  if (socket_family(config.udp.get()) != AF_INET6) GTEST_SKIP() << "the kernel has no IPv6";
  const auto port = local_endpoint(config.udp).port();
  io_ = make(std::move(config));
  Correspondent peer;
  peer.sends(*Endpoint::from_text("127.0.0.1", port), pattern(50));
  const Arrivals& arrivals = io_->wait(kPatience);
  ASSERT_EQ(arrivals.udp.size(), 1u);
  EXPECT_EQ(arrivals.udp[0].source, peer.endpoint()) << "not as ::ffff:127.0.0.1";
  sends(peer.endpoint(), pattern(3000), 1000);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(peer.receives().size(), 1000u);
}

TEST_P(BatchIoUdpTest, ExchangesTheSocketAndFreesItsPortAtOnce) {
  open(loopback());
  Correspondent peer;
  peer.sends(endpoint_, pattern(10));
  EXPECT_EQ(receives(10), pattern(10));
  io_->replace_udp(UniqueFd{});
  UdpOptions same_port = loopback();
  same_port.local = endpoint_;
  io_->replace_udp(open_udp_socket(same_port));  // throws if the port is still taken
  peer.sends(endpoint_, pattern(20));
  EXPECT_EQ(receives(20), pattern(20));
  sends(peer.endpoint(), pattern(30), 30);
  EXPECT_EQ(peer.receives(), pattern(30));
}

// The neighbour does not answer ARP, so that the datagrams stay in the kernel and the socket buffer fills.
TEST_P(BatchIoUdpTest, WaitsForRoomInTheSocketBufferAndKeepsTheOrder) {
  const std::string refused = in_fresh_network([&] {
    const UniqueFd tap = open_tap("tap0");
    set_address("tap0", "10.1.0.1", "255.255.255.0");
    set_up("tap0");
    UdpOptions options;
    options.family = SocketFamily::ipv4;
    options.send_buffer = 8000;
    open(options);
    const Endpoint neighbour = *Endpoint::from_text("10.1.0.2", 7);
    constexpr unsigned kRuns = 40;
    for (unsigned i = 0; i < kRuns; ++i) {
      io_->send_udp(neighbour, filled(pattern(1000, i)), 1000, 1000, Fragments::as_configured);
      io_->flush();
    }
    const auto sent_before = io_->counters().udp_runs_sent;
    EXPECT_LT(sent_before, kRuns);
    EXPECT_EQ(io_->counters().udp_send_errors + io_->counters().udp_send_queue_full, 0u);

    answer_arp(tap, "tap0", 0x0a010001, 0x0a010002);
    for (int i = 0; i < 100 && io_->counters().udp_runs_sent < kRuns; ++i) io_->wait(50ms);
    EXPECT_EQ(io_->counters().udp_runs_sent, kRuns);
    EXPECT_EQ(pool_.available(), pool_.capacity());

    unsigned next = 0;
    Bytes frame(2000);
    constexpr std::size_t kHeaders = 14 + 20 + 8;
    ssize_t size = 0;
    while ((size = ::read(tap.get(), frame.data(), frame.size())) > 0) {
      if (static_cast<std::size_t>(size) != kHeaders + 1000) continue;  // ARP, IPv6 router solicitation
      EXPECT_EQ(Bytes(frame.begin() + kHeaders, frame.begin() + kHeaders + 1000), pattern(1000, next))
          << next;
      ++next;
    }
    EXPECT_EQ(next, kRuns);
    io_.reset();
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

TEST_P(BatchIoUdpTest, SendsFragmentsOrCountsWhereThePathIsNarrow) {
  const std::string refused = in_fresh_network([&] {
    set_device_mtu("lo", 1500);
    Correspondent peer;
    open(loopback());
    sends(peer.endpoint(), pattern(5000), 2000);  // segments above the MTU: no run, but fragments
    for (const std::size_t size : {2000, 2000, 1000}) EXPECT_EQ(peer.receives().size(), size);
    EXPECT_EQ(io_->counters().gso_fallbacks, 1u);
    sends(peer.endpoint(), pattern(3000), 1000);  // smaller segments still go as a run
    for (int i = 0; i < 3; ++i) EXPECT_EQ(peer.receives().size(), 1000u);
    EXPECT_EQ(io_->counters().gso_fallbacks, 1u);

    UdpOptions never_fragment = loopback();
    never_fragment.mtu_discovery = MtuDiscovery::always;
    open(never_fragment);
    sends(peer.endpoint(), pattern(4100), 2000);
    EXPECT_EQ(peer.receives().size(), 100u) << "only the last datagram is small enough";
    EXPECT_EQ(io_->counters().udp_send_oversized, 2u);
    io_.reset();
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

// A server's socket serves stock peers and batch peers in the same turn.
TEST_P(BatchIoUdpTest, CutsOnlyWhatMayBeCutWhateverIsSentBetween) {
  const std::string refused = in_fresh_network([&] {
    set_device_mtu("lo", 1500);
    Correspondent stock;
    Correspondent batch;
    for (const SocketFamily family : {SocketFamily::ipv4, SocketFamily::any}) {
      UdpOptions options;
      options.family = family;
      open(options);
      const auto send = [&](const Correspondent& to, std::size_t size, std::size_t segment, Fragments rule) {
        io_->send_udp(to.endpoint(), filled(pattern(size)), size, segment, rule);
      };
      for (int turn = 0; turn < 2; ++turn) {
        send(batch, 4100, 2000, Fragments::forbidden);
        send(stock, 2000, 2000, Fragments::as_configured);
        send(batch, 1800, 1800, Fragments::forbidden);
        send(batch, 3000, 1400, Fragments::forbidden);
        send(stock, 4000, 2000, Fragments::as_configured);
        io_->flush();
        for (int i = 0; i < 3; ++i) EXPECT_EQ(stock.receives().size(), 2000u);
        for (const std::size_t size : {100, 1400, 1400, 200}) EXPECT_EQ(batch.receives().size(), size);
        EXPECT_TRUE(stock.has_nothing());
        EXPECT_TRUE(batch.has_nothing());
        const auto refusal = io_->take_udp_refusal();
        ASSERT_TRUE(refusal);
        EXPECT_EQ(refusal->to, batch.endpoint());
        EXPECT_EQ(refusal->size, 1800u) << "the last one";
        EXPECT_FALSE(io_->take_udp_refusal());
      }
      EXPECT_EQ(io_->counters().udp_send_oversized, 6u);
      EXPECT_EQ(io_->counters().udp_send_errors, 0u);
      EXPECT_EQ(pool_.available(), pool_.capacity());
    }
    io_.reset();
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

INSTANTIATE_TEST_SUITE_P(, BatchIoUdpTest, ::testing::Values(Engine::io_uring, Engine::epoll), engine_name);

}  // namespace
}  // namespace vpnd::tunio::test
