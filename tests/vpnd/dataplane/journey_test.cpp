// A packet's whole way: one side's tun, the wire, the other side's tun.

#include <gtest/gtest.h>

#include "proto/stock_channel.hpp"
#include "tests/vpnd/dataplane/tunnel.hpp"

namespace vpnd::dataplane {
namespace {

using proto::CompressionFraming;
using proto::DropReason;
using test::between;
using test::Bytes;
using test::SuperPacket;
using tunio::test::be16;
using tunio::test::bytes_of;
using tunio::test::Family;
using tunio::test::kSyn;
using tunio::test::pattern;
using tunio::test::Tcp;
using tunio::test::Udp;

class Journey : public test::Tunnel {};

TEST_F(Journey, CutsASuperPacketAndMergesItAgainToTheSameBytes) {
  for (const std::size_t size : {2800U, 14000U, 14001U, 60000U}) {
    const SuperPacket super = test::tcp_super_packet(size, 1400);
    const auto written = up(super.packet, super.header);
    ASSERT_EQ(written.size(), 1U) << size;
    EXPECT_EQ(written[0].header, super.header);
    EXPECT_EQ(written[0].packet, super.packet) << size;
  }
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_F(Journey, CountsBothSidesAlike) {
  const SuperPacket super = test::tcp_super_packet(14000, 1400);
  up(super.packet, super.header);
  const TrafficCounters& sent = *to_server.counters;
  const TrafficCounters& received = *to_alice.counters;
  EXPECT_EQ(received.records_received.get(), 10U);
  EXPECT_EQ(received.bytes_received.get(), sent.bytes_sent.get());
  EXPECT_EQ(received.tun_bytes_written.get(), 14000U + 10 * 40);
}

TEST_F(Journey, ChangesNoPacketOnItsWay) {
  for (const Family family : {Family::v4, Family::v6}) {
    const Bytes tcp = Tcp{.family = family, .payload = pattern(700)}.packet();
    const Bytes udp = Udp{.family = family, .payload = pattern(700)}.packet();
    for (const Bytes& packet : {tcp, udp}) {
      const auto written = up(packet);
      ASSERT_EQ(written.size(), 1U);
      EXPECT_EQ(written[0].packet, packet);
    }
  }
}

TEST_F(Journey, FinishesAChecksumThatTheKernelLeftPartial) {
  const Bytes packet = Udp{.payload = pattern(33)}.packet();
  Bytes partial = packet;
  tunio::test::make_partial(partial);
  const auto written =
      up(partial, {.flags = tunio::kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 6});
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, packet);
}

// ---- compression framings ----

class JourneyUnderFraming : public test::Tunnel, public testing::WithParamInterface<CompressionFraming> {
 protected:
  JourneyUnderFraming() { to_server.settings.framing = to_alice.settings.framing = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Framings, JourneyUnderFraming,
                         testing::Values(CompressionFraming::none, CompressionFraming::comp_lzo,
                                         CompressionFraming::swap, CompressionFraming::stub_v2));

TEST_P(JourneyUnderFraming, CarriesPacketsSuperPacketsAndPings) {
  const Bytes packet = between(Udp{.payload = pattern(100)}.packet(), kHost, kAlice);
  const auto single = down(packet);
  ASSERT_EQ(single.size(), 1U);
  EXPECT_EQ(single[0].packet, packet);

  const SuperPacket super = test::tcp_super_packet(14000, 1400);
  const auto merged = up(super.packet, super.header);
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].packet, super.packet);

  client_says(proto::kPingPayload);
  EXPECT_TRUE(server_io.take_written().empty());
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_F(Journey, DropsWhatAPeerCompressed) {
  to_alice.settings.framing = CompressionFraming::comp_lzo;
  client_says(bytes_of({0x66, 1, 2, 3, 4}));
  EXPECT_EQ(server.dropped(DropReason::compressed), 1U);
}

// ---- MSS ----

class JourneyOfSyns : public test::Tunnel {
 protected:
  static Tcp syn(Family family) {
    return {.family = family, .flags = kSyn, .options = bytes_of({2, 4, 0x05, 0xb4})};  // MSS 1460
  }
  static unsigned mss_of(const Bytes& packet) {
    return be16(packet, tunio::test::ip_header_size(packet) + 20 + 2);
  }
};

TEST_F(JourneyOfSyns, LowersTheMssOfWhatIsSent) {
  to_server.settings.mss_limit_ipv4 = 1300;
  to_server.settings.mss_limit_ipv6 = 1280;
  const auto ipv4 = up(syn(Family::v4).packet());
  const auto ipv6 = up(syn(Family::v6).packet());
  ASSERT_EQ(ipv4.size(), 1U);
  ASSERT_EQ(ipv6.size(), 1U);
  EXPECT_EQ(mss_of(ipv4[0].packet), 1300U);
  EXPECT_EQ(mss_of(ipv6[0].packet), 1280U);
  EXPECT_TRUE(tunio::test::is_sound(ipv4[0].packet));
  EXPECT_TRUE(tunio::test::is_sound(ipv6[0].packet));
}

TEST_F(JourneyOfSyns, LowersTheMssOfWhatIsReceived) {
  to_alice.settings.mss_limit_ipv4 = 1300;
  const auto written = up(syn(Family::v4).packet());
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(mss_of(written[0].packet), 1300U);
  EXPECT_TRUE(tunio::test::is_sound(written[0].packet));
}

TEST_F(JourneyOfSyns, LeavesAPartialChecksumToBeFinished) {
  to_server.settings.mss_limit_ipv4 = 1300;
  Bytes packet = syn(Family::v4).packet();
  tunio::test::make_partial(packet);
  const auto written =
      up(packet, {.flags = tunio::kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 16});
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(mss_of(written[0].packet), 1300U);
  EXPECT_TRUE(tunio::test::is_sound(written[0].packet));
}

TEST_F(JourneyOfSyns, LeavesTheMssAloneWithoutALimit) {
  const auto written = up(syn(Family::v4).packet());
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(mss_of(written[0].packet), 1460U);
}

// ---- TCP streams ----

class JourneyByStream : public test::Tunnel {
 protected:
  JourneyByStream() : Tunnel({.role = crypto::Role::client, .limits = {.stream_backlog_bytes = 1000}}) {
    client_stream = client_io.add_stream({});
    server_stream = server_io.add_stream({});
    by_stream = &client.add_peer(0, {kServerAt, client_stream});
    client.add_key(*by_stream, test::kKey, proto::PeerId{1});
    alice = &server.add_peer(1, {kAliceAt, server_stream});
    server.add_key(*alice, test::kKey, proto::PeerId{1});
  }
  Bytes frames_of(const Bytes& packet, const tunio::VirtioNetHeader& header = {}) {
    client_reads(packet, header);
    return client_io.take_stream(client_stream);
  }
  Written server_hears(const Bytes& frames) {
    server_io.stream_gives(server_stream, frames);
    server.turn();
    return server_io.take_written();
  }

  tunio::StreamId client_stream, server_stream;
  Peer* by_stream = nullptr;
  Peer* alice = nullptr;
};

TEST_F(JourneyByStream, CarriesASuperPacketInFrames) {
  const SuperPacket super = test::tcp_super_packet(14000, 1400);
  const Bytes frames = frames_of(super.packet, super.header);
  EXPECT_EQ(be16(frames, 0), 1440 + proto::kDataV2Overhead);
  EXPECT_EQ(frames.size(), 10 * (2 + 1440 + proto::kDataV2Overhead));
  const auto written = server_hears(frames);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, super.packet);
  EXPECT_TRUE(server.recorder.all<PeerFloated>().empty());
}

TEST_F(JourneyByStream, LosesPacketsOfASlowPeerInsteadOfWaiting) {
  client_io.stall_stream(client_stream);
  client_reads(Udp{.payload = pattern(1200)}.packet());
  EXPECT_EQ(client.dropped(), 0U);
  client_reads(Udp{.payload = pattern(1200)}.packet());
  EXPECT_EQ(client.dropped(DropReason::backlog_full), 1U);

  client_io.resume_stream(client_stream);
  client_reads(Udp{.payload = pattern(1200)}.packet());
  EXPECT_EQ(client.dropped(), 1U);
}

TEST_F(JourneyByStream, ClosesAStreamThatCarriesAForgedRecord) {
  Bytes frames = frames_of(Udp{}.packet());
  frames.back() ^= std::byte{1};
  EXPECT_TRUE(server_hears(frames).empty());
  EXPECT_FALSE(server_io.is_open(server_stream));
  const auto ended = server.recorder.all<StreamEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].stream, server_stream);
  EXPECT_EQ(ended[0].reason, std::errc::bad_message);
  EXPECT_EQ(server.dropped(DropReason::bad_tag), 1U);
}

TEST_F(JourneyByStream, ReportsTheEndOfAStreamOnceHoweverManyBatchesAreForged) {
  Bytes frames = frames_of(Udp{}.packet());
  frames.back() ^= std::byte{1};
  server_io.stream_gives(server_stream, frames);
  server_io.stream_gives(server_stream, frames);
  server.turn();
  EXPECT_EQ(server.dropped(DropReason::bad_tag), 2U);
  EXPECT_EQ(server.recorder.all<StreamEnded>().size(), 1U);
}

TEST_F(JourneyByStream, HandsControlPacketsOnWithTheirStream) {
  const auto stranger = server_io.add_stream({});
  server_io.stream_gives(stranger, bytes_of({0, 3, 7 << 3, 1, 2}));
  server_io.stream_gives(server_stream, bytes_of({0, 2, 4 << 3, 9, 0, 1, 5 << 3}));
  server.turn();
  const auto& control = server.recorder.control;
  ASSERT_EQ(control.size(), 3U);
  EXPECT_EQ(control[0].from.stream, stranger);
  EXPECT_EQ(control[0].packet, bytes_of({7 << 3, 1, 2}));
  EXPECT_EQ(control[1].from.stream, server_stream);
  EXPECT_EQ(control[1].from.endpoint, kAliceAt);
  EXPECT_EQ(control[1].packet, bytes_of({4 << 3, 9}));
  EXPECT_EQ(control[2].packet, bytes_of({5 << 3}));
}

TEST_F(JourneyByStream, DropsRecordsOnAStreamThatIsNoPeersYet) {
  const auto stranger = server_io.add_stream({});
  server_io.stream_gives(stranger, frames_of(Udp{}.packet()));
  server.turn();
  EXPECT_EQ(server.dropped(DropReason::not_established), 1U);
  EXPECT_TRUE(server_io.is_open(stranger));
}

}  // namespace
}  // namespace vpnd::dataplane
