// What becomes of packets when the UDP socket takes none: the own network device is the bottleneck.

#include <gtest/gtest.h>

#include "tests/vpnd/dataplane/tunnel.hpp"

namespace vpnd::dataplane {
namespace {

using namespace std::chrono_literals;
using proto::DropReason;
using test::Bytes;
using tunio::test::pattern;
using tunio::test::Udp;

PeerSettings settings(bool batches) {
  PeerSettings settings;
  if (batches) settings.batch = BatchSettings{1448};
  return settings;
}

// With batches and in OpenVPN's format.
class UdpQueue : public test::Tunnel, public ::testing::WithParamInterface<bool> {
 protected:
  UdpQueue() : Tunnel({.role = crypto::Role::client}, {.role = crypto::Role::server}, settings(GetParam())) {}

  // Some packets wait, for longer than a burst would.
  void let_queue_stand() {
    client_io.stall_udp();
    for (int i = 0; i < 4; ++i) client_reads(packet_);
    client.now += 10ms;
    client_reads(packet_);
    client.now += 110ms;
  }

  Bytes packet_ = Udp{.payload = pattern(1200)}.packet();
};

TEST_P(UdpQueue, LosesOneSegmentOfASuperPacketWhenItStands) {
  let_queue_stand();
  EXPECT_EQ(client.dropped(), 0U);
  const test::SuperPacket super = test::tcp_super_packet(14000, 1400);
  client_reads(super.packet, super.header);
  EXPECT_EQ(client.dropped(DropReason::backlog_full), 1U);
  client_reads(super.packet, super.header);
  EXPECT_EQ(client.dropped(DropReason::backlog_full), 1U) << "one at a time";
  client_io.resume_udp();
  client.turn();
  network_carries_up();
  EXPECT_EQ(client_io.udp_backlog(), 0U);
  EXPECT_EQ(server.dropped(), 0U);
}

TEST_P(UdpQueue, LosesNothingInABurst) {
  client_io.stall_udp();
  for (int i = 0; i < 100; ++i) client_reads(packet_);
  client_io.resume_udp();
  client.now += 50ms;
  client.turn();
  client.now += 100ms;
  client_reads(packet_);
  EXPECT_EQ(client.dropped(), 0U);
}

TEST_P(UdpQueue, RefusesSuperPacketsAsAWholeWhenItIsFull) {
  client_io.stall_udp();
  const test::SuperPacket super = test::tcp_super_packet(60000, 1400);
  for (int i = 0; i < 100; ++i) client_reads(super.packet, super.header);
  EXPECT_GT(client.dropped(DropReason::backlog_full), 10U);
  EXPECT_LE(client_io.udp_backlog(), std::size_t{4} * 1024 * 1024);
}

INSTANTIATE_TEST_SUITE_P(, UdpQueue, ::testing::Bool(),
                         [](const auto& name) { return name.param ? "Batches" : "Stock"; });

}  // namespace
}  // namespace vpnd::dataplane
