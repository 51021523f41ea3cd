// A packet's whole way over the batch channel: one side's tun, the wire, the other side's tun.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "proto/batch_channel.hpp"
#include "tests/vpnd/dataplane/tunnel.hpp"
#include "tunio/segmentation.hpp"

namespace vpnd::dataplane {
namespace {

using namespace std::chrono_literals;
using proto::DropReason;
using test::between;
using test::Bytes;
using test::SuperPacket;
using tunio::test::Family;
using tunio::test::pattern;
using tunio::test::Tcp;
using tunio::test::Udp;

constexpr std::size_t kBody = 1448;  // a datagram of 1,472 bytes: IPv4 over an Ethernet
constexpr std::size_t kDatagram = kBody + proto::kRecordOverhead;

PeerSettings batch_settings(std::size_t body = kBody) {
  PeerSettings settings;
  settings.batch = BatchSettings{body};
  return settings;
}

const test::EndSetup kClient{.role = crypto::Role::client};
const test::EndSetup kServer{
    .role = crypto::Role::server,
    .policy = {.client_to_client = true, .udp_merging = tunio::Coalescer::UdpMerging::on}};

SuperPacket udp_super_packet(std::size_t payload_size, std::uint16_t segment) {
  SuperPacket super{{.flags = tunio::kVirtioNeedsChecksum,
                     .gso_type = tunio::kVirtioGsoUdpL4,
                     .hdr_len = 28,
                     .gso_size = segment,
                     .csum_start = 20,
                     .csum_offset = 6},
                    Udp{.payload = pattern(payload_size)}.packet()};
  tunio::test::make_partial(super.packet);
  return super;
}

// What a receiver's kernel makes of what is written to tun: single packets with complete checksums.
std::vector<Bytes> packets_of(const std::vector<tunio::MemoryIo::WrittenPacket>& written) {
  std::vector<Bytes> packets;
  for (const auto& [header, packet] : written) {
    const auto segmenter = tunio::Segmenter::parse(header, packet);
    EXPECT_TRUE(segmenter) << "tun would refuse it";
    for (std::size_t i = 0; segmenter && i < segmenter->count(); ++i) {
      packets.emplace_back(segmenter->segment_size(i));
      segmenter->write(i, packets.back().data());
    }
  }
  return packets;
}

std::vector<Bytes> packets_of(const SuperPacket& super) {
  const std::vector<tunio::MemoryIo::WrittenPacket> alone{{super.header, super.packet}};
  return packets_of(alone);
}

// The inner TCP stream as the receiver reads it: what is missing stays zero.
Bytes stream_of(const std::vector<Bytes>& packets, std::uint32_t first_sequence, std::size_t size) {
  Bytes stream(size);
  for (const Bytes& packet : packets) {
    const std::size_t at = tunio::test::be32(packet, 24) - first_sequence;
    std::copy(packet.begin() + 40, packet.end(), stream.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return stream;
}

class BatchJourney : public test::Tunnel {
 protected:
  explicit BatchJourney(std::size_t body = kBody) : Tunnel(kClient, kServer, batch_settings(body)) {}

  std::vector<Bytes> sent_datagrams() {
    std::vector<Bytes> datagrams;
    for (const auto& run : client_io.take_sent()) {
      for (Bytes& datagram : run.datagrams()) datagrams.push_back(std::move(datagram));
    }
    return datagrams;
  }
  void server_gets(const Bytes& datagram) { server_io.udp_gives(kAliceAt, datagram); }
  Written server_writes() {
    server.turn();
    return server_io.take_written();
  }
};

TEST_F(BatchJourney, CarriesASuperPacketWhole) {
  for (const std::size_t size : {1449U, 2800U, 14000U, 14001U, 60000U, 65000U}) {
    const SuperPacket super = test::tcp_super_packet(size, 1400);
    const auto written = up(super.packet, super.header);
    ASSERT_EQ(written.size(), 1U) << size;
    EXPECT_EQ(written[0].header, super.header);
    EXPECT_EQ(written[0].packet, super.packet) << size;
  }
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_F(BatchJourney, CarriesADatagramSuperPacketWhole) {
  for (const int size : {18, 500, 1200, 1400}) {
    const auto segment = static_cast<std::uint16_t>(size);
    const SuperPacket super = udp_super_packet(std::size_t{segment} * 40 + 7, segment);
    const auto written = up(super.packet, super.header);
    ASSERT_EQ(written.size(), 1U) << segment;
    EXPECT_EQ(written[0].header, super.header);
    EXPECT_EQ(written[0].packet, super.packet);
  }
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_F(BatchJourney, CutsDatagramsThatFitNoRecordInSoftware) {
  const SuperPacket super = udp_super_packet(9000, 4000);
  EXPECT_EQ(packets_of(up(super.packet, super.header)), packets_of(super));
}

TEST_F(BatchJourney, ChangesNoPacketOnItsWay) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const std::size_t size : {1U, 100U, 1380U, 1448U, 1460U, 8900U}) {
      const Bytes tcp = Tcp{.family = family, .payload = pattern(size)}.packet();
      const Bytes udp = Udp{.family = family, .payload = pattern(size)}.packet();
      for (const Bytes& packet : {tcp, udp}) {
        const auto written = up(packet);
        ASSERT_EQ(written.size(), 1U) << size;
        EXPECT_EQ(written[0].packet, packet) << size;
        EXPECT_EQ(written[0].header, tunio::VirtioNetHeader{}) << size;
      }
    }
  }
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_F(BatchJourney, CarriesOtherProtocolsOfAnySize) {
  for (const std::size_t size : {10U, 1400U, 3000U, 60000U}) {
    const Bytes packet = between(tunio::test::icmp_packet(size), kAlice, kHost);
    const auto written = up(packet);
    ASSERT_EQ(written.size(), 1U) << size;
    EXPECT_EQ(written[0].packet, packet);
  }
}

TEST_F(BatchJourney, LeavesAChecksumPartial) {
  for (const std::size_t size : {33U, 5000U}) {
    Bytes partial = Udp{.payload = pattern(size)}.packet();
    const Bytes complete = partial;
    tunio::test::make_partial(partial);
    const tunio::VirtioNetHeader header{
        .flags = tunio::kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 6};
    const auto written = up(partial, header);
    ASSERT_EQ(written.size(), 1U) << size;
    EXPECT_EQ(written[0].packet, partial);
    EXPECT_EQ(packets_of(written), std::vector<Bytes>{complete}) << "the far kernel finishes it";
  }
}

TEST_F(BatchJourney, FinishesAChecksumThatTheFarKernelWouldNotFind) {
  Bytes icmp = between(tunio::test::icmp_packet(100), kAlice, kHost);
  icmp[22] = icmp[23] = std::byte{0};
  const auto written = up(icmp, {.flags = tunio::kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 2});
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].header, tunio::VirtioNetHeader{});
  EXPECT_EQ(tunio::test::slow_sum(std::span(written[0].packet).subspan(20)), 0xffff);
}

TEST_F(BatchJourney, PutsManySmallPacketsIntoOneRecord) {
  const Bytes packet = Udp{.payload = pattern(18)}.packet();
  constexpr std::size_t kPackets = 310;
  for (std::size_t i = 0; i < kPackets; ++i) client_io.tun_gives(packet);
  client.turn();
  const auto datagrams = sent_datagrams();
  EXPECT_EQ(datagrams.size(), 10U) << "31 of 46 bytes fit into 1,448";
  for (const Bytes& datagram : datagrams) server_gets(datagram);
  std::size_t arrived = 0;
  for (const Bytes& received : packets_of(server_writes())) {
    EXPECT_TRUE(std::ranges::equal(std::span(received).subspan(28), std::span(packet).subspan(28)));
    ++arrived;
  }
  EXPECT_EQ(arrived, kPackets);
}

TEST_F(BatchJourney, WastesNothingOnPacketsOfOneSize) {
  const Bytes packet = Udp{.payload = pattern(1372)}.packet();  // 1,400
  for (int i = 0; i < 10; ++i) client_io.tun_gives(packet);
  client.turn();
  const auto runs = client_io.take_sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].bytes.size(), 10 * (1400 + proto::kRecordOverhead));
}

TEST_F(BatchJourney, FillsTheRecordsOfASuperPacketToTheBrim) {
  const SuperPacket super = test::tcp_super_packet(60000, 1448);
  client_io.tun_gives(super.packet, super.header);
  client.turn();
  const auto datagrams = sent_datagrams();
  ASSERT_EQ(datagrams.size(), (60000 + 120) / (kBody - 4) + 1);
  for (std::size_t i = 0; i + 1 < datagrams.size(); ++i) EXPECT_EQ(datagrams[i].size(), kDatagram);
}

TEST_F(BatchJourney, SaysNothingButThatItLivesWithAnEmptyRecord) {
  ASSERT_EQ(client.outbound.send_keepalive(to_server), DropReason::none);
  client.turn();
  const auto datagrams = sent_datagrams();
  ASSERT_EQ(datagrams.size(), 1U);
  EXPECT_EQ(datagrams[0].size(), proto::kRecordOverhead);
  server.now += 10s;
  server_gets(datagrams[0]);
  EXPECT_TRUE(server_writes().empty());
  EXPECT_EQ(to_alice.last_received, server.now);
  EXPECT_EQ(server.dropped(), 0U);
}

TEST_F(BatchJourney, DropsWhatIsNotFromTheClientsAddress) {
  const Bytes small = between(Udp{.payload = pattern(18)}.packet(), kBob, kHost);
  const Bytes large = between(Udp{.payload = pattern(5000)}.packet(), kBob, kHost);
  EXPECT_TRUE(up(small).empty());
  EXPECT_TRUE(up(large).empty());
  EXPECT_EQ(server.dropped(DropReason::foreign_source), 2U);
}

// ---- turns, losses, repetitions ----

TEST_F(BatchJourney, WaitsForTheRestOfASuperPacketFromTurnToTurn) {
  const SuperPacket super = test::tcp_super_packet(60000, 1400);
  client_io.tun_gives(super.packet, super.header);
  client.turn();
  Written written;
  for (const Bytes& datagram : sent_datagrams()) {
    EXPECT_TRUE(written.empty());
    server_gets(datagram);
    written = server_writes();
  }
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].packet, super.packet);
  EXPECT_FALSE(server.inbound.deadline());
}

TEST_F(BatchJourney, HandsOverWhatThereIsWhenTheRestDoesNotCome) {
  const SuperPacket super = test::tcp_super_packet(60000, 1400);
  client_io.tun_gives(super.packet, super.header);
  client.turn();
  const auto datagrams = sent_datagrams();
  for (std::size_t i = 0; i < 10; ++i) server_gets(datagrams[i]);
  EXPECT_TRUE(server_writes().empty());
  ASSERT_TRUE(server.inbound.deadline());
  EXPECT_LE(*server.inbound.deadline(), server.now + 2ms) << "and soon";

  server.now = *server.inbound.deadline();
  const auto first = packets_of(server_writes());
  for (std::size_t i = 10; i < datagrams.size(); ++i) server_gets(datagrams[i]);
  auto all = first;
  for (Bytes& packet : packets_of(server_writes())) all.push_back(std::move(packet));
  EXPECT_EQ(stream_of(all, 1000, 60000), pattern(60000));
  EXPECT_FALSE(server.inbound.deadline());
}

// What was held back for its rest goes before whatever was sent after it.
class FlowInParts : public BatchJourney {
 protected:
  // Three super-packets and a packet, of one TCP stream of kFirst to kEnd.
  std::vector<Bytes> flow() {
    std::uint32_t sequence = kFirst;
    for (int i = 0; i < 3; ++i, sequence += kSize) {
      SuperPacket super = test::tcp_super_packet(kSize, 1400);
      tunio::test::put_be32(super.packet, 24, sequence);
      client_io.tun_gives(super.packet, super.header);
    }
    client_io.tun_gives(Tcp{.sequence = sequence, .payload = pattern(100)}.packet());
    client.turn();
    return sent_datagrams();
  }

  // How many bytes of the stream are missing; what there is must be in order.
  static std::size_t missing(const std::vector<Bytes>& packets) {
    std::size_t gaps = 0;
    std::uint32_t next = kFirst;
    for (const Bytes& packet : packets) {
      const std::uint32_t sequence = tunio::test::be32(packet, 24);
      EXPECT_GE(sequence, next) << "overtaken";
      gaps += sequence - next;
      next = sequence + static_cast<std::uint32_t>(packet.size() - 40);
    }
    return gaps + (kEnd - next);
  }

  static constexpr std::uint32_t kSize = 28000;
  static constexpr std::uint32_t kFirst = 1000;
  static constexpr std::uint32_t kEnd = kFirst + 3 * kSize + 100;
};

TEST_F(FlowInParts, StaysInOrder) {
  const auto datagrams = flow();
  for (std::size_t i = 0; i < 7; ++i) server_gets(datagrams[i]);
  EXPECT_TRUE(server_writes().empty());
  server.now = *server.inbound.deadline();
  auto packets = packets_of(server_writes());
  EXPECT_FALSE(packets.empty());
  for (std::size_t i = 7; i < datagrams.size(); ++i) server_gets(datagrams[i]);
  for (Bytes& packet : packets_of(server_writes())) packets.push_back(std::move(packet));
  EXPECT_EQ(missing(packets), 0U);
}

TEST_F(FlowInParts, StaysInOrderWhenADatagramIsLost) {
  const std::size_t count = flow().size();
  for (std::size_t lost = 0; lost + 1 < count; ++lost) {
    SCOPED_TRACE(lost);
    const auto datagrams = flow();
    for (std::size_t i = 0; i < count; ++i) {
      if (i != lost) server_gets(datagrams[i]);
    }
    const auto gone = missing(packets_of(server_writes()));
    EXPECT_GT(gone, 0U);
    EXPECT_LE(gone, kBody);
  }
}

TEST_F(BatchJourney, SendsHeadersTwiceForSomeSecondsAfterARetransmission) {
  constexpr std::size_t kHeaders = 40;
  SuperPacket super = test::tcp_super_packet(30000, 1400);
  const auto bytes_sent = [&](std::uint32_t sequence) {
    tunio::test::put_be32(super.packet, 24, sequence);
    client_io.tun_gives(super.packet, super.header);
    client.turn();
    std::size_t size = 0;
    for (const Bytes& datagram : sent_datagrams()) size += datagram.size();
    return size;
  };
  const std::size_t once = bytes_sent(1000);
  const std::size_t twice = once + proto::kUnitMetaSize + kHeaders;
  EXPECT_EQ(bytes_sent(31000), once);
  EXPECT_EQ(bytes_sent(31000), twice) << "sent again, and so will be more";
  client.now += 4s;
  EXPECT_EQ(bytes_sent(61000), twice);
  client.now += 2s;
  EXPECT_EQ(bytes_sent(91000), once);
}

TEST_F(BatchJourney, LosesASuperPacketWithItsFirstDatagramOnlyWhereNothingWasLostBefore) {
  const SuperPacket super = test::tcp_super_packet(30000, 1400);
  for (const bool before : {false, true}) {
    client_io.tun_gives(super.packet, super.header);
    client.turn();
    const auto datagrams = sent_datagrams();
    for (std::size_t i = 1; i < datagrams.size(); ++i) server_gets(datagrams[i]);
    auto came = packets_of(server_writes());
    server.now += 2s;
    for (Bytes& packet : packets_of(server_writes())) came.push_back(std::move(packet));
    EXPECT_NE(came.empty(), before);
    EXPECT_EQ(server.dropped(DropReason::unit_incomplete), 1U);
  }
}

// Whichever datagram is lost, the inner connection loses what it carried and nothing else.
TEST_F(BatchJourney, LosesOneSegmentWithOneDatagram) {
  constexpr std::size_t kPayload = 30000;
  const SuperPacket super = test::tcp_super_packet(kPayload, 1400);
  client_io.tun_gives(super.packet, super.header);
  client.turn();
  const std::size_t count = sent_datagrams().size();
  for (std::size_t lost = 0; lost < count; ++lost) {
    client_io.tun_gives(super.packet, super.header);
    client.turn();
    const auto datagrams = sent_datagrams();
    for (std::size_t i = 0; i < count; ++i) {
      if (i != lost) server_gets(datagrams[i]);
    }
    auto packets = packets_of(server_writes());
    server.now += 2ms;
    for (Bytes& packet : packets_of(server_writes())) packets.push_back(std::move(packet));
    const Bytes stream = stream_of(packets, 1000, kPayload);
    const Bytes whole = pattern(kPayload);
    std::size_t missing = 0;
    for (std::size_t i = 0; i < kPayload; ++i) missing += stream[i] != whole[i] ? 1U : 0U;
    EXPECT_LE(missing, kBody) << "lost datagram " << lost;
    for (const Bytes& packet : packets) EXPECT_TRUE(tunio::test::is_sound(packet));
  }
}

TEST_F(BatchJourney, LosesWholeDatagramsOfADatagramSuperPacket) {
  const SuperPacket super = udp_super_packet(40 * 700, 700);
  client_io.tun_gives(super.packet, super.header);
  client.turn();
  const auto datagrams = sent_datagrams();
  for (std::size_t i = 0; i < datagrams.size(); ++i) {
    if (i != 5) server_gets(datagrams[i]);
  }
  const auto received = packets_of(server_writes());
  EXPECT_EQ(received.size(), 38U) << "two of 700 bytes are in each record";
  const auto sent = packets_of(super);
  for (const Bytes& packet : received) {
    EXPECT_TRUE(tunio::test::is_sound(packet));
    EXPECT_EQ(std::ranges::count(sent, packet), 1);
  }
}

TEST_F(BatchJourney, DropsALargePacketOfWhichAPartIsLost) {
  const Bytes packet = between(tunio::test::icmp_packet(5000), kAlice, kHost);
  client_reads(packet);
  const auto datagrams = sent_datagrams();
  for (std::size_t i = 1; i < datagrams.size(); ++i) server_gets(datagrams[i]);
  EXPECT_TRUE(server_writes().empty());
  server.now += 2s;
  EXPECT_TRUE(server_writes().empty());
  EXPECT_EQ(server.dropped(DropReason::unit_incomplete), 1U);
  EXPECT_EQ(server.buffers.available(), server.buffers.capacity());
}

// Many super-packets and small packets over a network that loses, repeats and reorders: what arrives is
// right, and nothing is kept.
TEST_F(BatchJourney, DeliversOnlyWhatWasSentWhateverTheNetworkDoes) {
  std::mt19937 random(1);
  const auto chance = [&random](unsigned percent) { return random() % 100 < percent; };
  constexpr std::size_t kPayload = 20000;
  const SuperPacket super = test::tcp_super_packet(kPayload, 1000);
  const Bytes small = Udp{.payload = pattern(60)}.packet();
  const Bytes whole = pattern(kPayload);
  std::size_t arrived_small = 0, arrived_bytes = 0;
  std::vector<Bytes> network;
  for (int round = 0; round < 300; ++round) {
    client_io.tun_gives(super.packet, super.header);
    for (int i = 0; i < 5; ++i) client_io.tun_gives(small);
    client.turn();
    for (Bytes& datagram : sent_datagrams()) {
      if (chance(3)) continue;
      if (chance(3)) network.push_back(datagram);
      network.push_back(std::move(datagram));
      if (network.size() > 1 && chance(5)) std::swap(network.back(), network[network.size() - 2]);
    }
    const std::size_t carried = chance(50) ? network.size() : network.size() / 2;
    for (std::size_t i = 0; i < carried; ++i) server_gets(network[i]);
    network.erase(network.begin(), network.begin() + static_cast<std::ptrdiff_t>(carried));
    server.now += 300us;
    for (const Bytes& packet : packets_of(server_writes())) {
      ASSERT_TRUE(tunio::test::is_sound(packet));
      if (packet[9] == std::byte{tunio::kProtocolUdp}) {
        ++arrived_small;
        continue;
      }
      const std::size_t at = tunio::test::be32(packet, 24) - 1000;
      ASSERT_LE(at + packet.size() - 40, kPayload);
      ASSERT_TRUE(
          std::equal(packet.begin() + 40, packet.end(), whole.begin() + static_cast<std::ptrdiff_t>(at)));
      arrived_bytes += packet.size() - 40;
    }
  }
  EXPECT_GT(arrived_small, 300U * 5 * 9 / 10);
  EXPECT_GT(arrived_bytes, 300 * kPayload * 9 / 10);
  EXPECT_LE(arrived_bytes, 300 * kPayload);
  server.now += 2s;
  server_writes();
  EXPECT_FALSE(server.inbound.deadline());
  EXPECT_EQ(server.buffers.available(), server.buffers.capacity());
  EXPECT_EQ(client.dropped(), 0U);
}

// ---- to another client ----

TEST_F(BatchJourney, GoesOnToAnotherClientWholeOrCutAsThatOneNeedsIt) {
  const SuperPacket to_bob{test::tcp_super_packet(20000, 1000).header, [&] {
                             Bytes packet = between(Tcp{.payload = pattern(20000)}.packet(), kAlice, kBob);
                             tunio::test::make_partial(packet);
                             return packet;
                           }()};
  const Bytes small = between(Udp{.payload = pattern(18)}.packet(), kAlice, kBob);
  for (const bool batches : {true, false}) {
    add_bob({kBobAt, std::nullopt}, batches ? batch_settings() : PeerSettings{});
    EXPECT_TRUE(up(small).empty());
    EXPECT_TRUE(up(to_bob.packet, to_bob.header).empty());
    const auto runs = server_io.take_sent();
    ASSERT_GE(runs.size(), 2U);
    std::size_t records = 0;
    for (const auto& run : runs) {
      EXPECT_EQ(run.to, kBobAt);
      records += run.datagrams().size();
    }
    EXPECT_EQ(records, batches ? 1U + 14 : 1U + 20);
  }
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

// ---- streams ----

class BatchStreamJourney : public BatchJourney {
 protected:
  BatchStreamJourney() : BatchJourney(tunio::kMaxFrameSize - proto::kRecordOverhead) {
    const auto client_stream = client_io.add_stream({});
    const auto server_stream = server_io.add_stream({});
    client.add_key(client.add_peer(0, {kServerAt, client_stream}, to_server.settings), test::kKey,
                   proto::PeerId{1});
    server.add_key(server.add_peer(1, {kAliceAt, server_stream}, to_alice.settings), test::kKey,
                   proto::PeerId{1});
    client_stream_ = client_stream;
    server_stream_ = server_stream;
  }
  // A stream that has stood still for longer than a burst lasts.
  void let_queue_stand() {
    client_io.stall_stream(client_stream_);
    const Bytes packet = Udp{.payload = pattern(5000)}.packet();
    client_reads(packet);
    client.now += 10ms;
    client_reads(packet);
    client.now += 110ms;
  }
  // What comes out at the server once the stream moves again.
  Written after_the_queue_has_stood() {
    client_io.resume_stream(client_stream_);
    client.turn();
    server_io.stream_gives(server_stream_, client_io.take_stream(client_stream_));
    return server_writes();
  }

  tunio::StreamId client_stream_, server_stream_;
};

TEST_F(BatchStreamJourney, CarriesASuperPacketInOneFrame) {
  for (const std::size_t size : {100U, 20000U, 62000U}) {
    const SuperPacket super = test::tcp_super_packet(size, 1400);
    client_reads(super.packet, super.header);
    const Bytes frames = client_io.take_stream(client_stream_);
    EXPECT_EQ(frames.size(), 2U + tunio::test::be16(frames, 0));
    server_io.stream_gives(server_stream_, frames);
    const auto written = server_writes();
    ASSERT_EQ(written.size(), 1U) << size;
    EXPECT_EQ(packets_of(written), packets_of(super));
  }
}

TEST_F(BatchStreamJourney, SplitsWhatFitsNoFrame) {
  const SuperPacket super = test::tcp_super_packet(65000, 1400);
  for (int i = 0; i < 5; ++i) client_io.tun_gives(super.packet, super.header);
  client.turn();
  server_io.stream_gives(server_stream_, client_io.take_stream(client_stream_));
  const auto written = server_writes();
  ASSERT_EQ(written.size(), 5U);
  for (const auto& packet : written) EXPECT_EQ(packet.packet, super.packet);
}

// What comes behind the two packets of let_queue_stand().
std::vector<Bytes> behind_two(const std::vector<tunio::MemoryIo::WrittenPacket>& written) {
  auto packets = packets_of(written);
  EXPECT_GE(packets.size(), 2U);
  packets.erase(packets.begin(), packets.begin() + 2);
  return packets;
}

// What a segmented packet loses: its first segment.
std::vector<Bytes> without_first(std::vector<Bytes> packets) {
  packets.erase(packets.begin());
  return packets;
}

TEST_F(BatchStreamJourney, LosesOneSegmentOfASuperPacketWhenTheQueueStands) {
  std::size_t losses = 0;
  for (const std::size_t size : {1401U, 14000U, 60000U}) {
    let_queue_stand();
    EXPECT_EQ(client.dropped(), losses);
    const SuperPacket super = test::tcp_super_packet(size, 1400);
    client_reads(super.packet, super.header);
    EXPECT_EQ(client.dropped(DropReason::backlog_full), ++losses);
    EXPECT_EQ(behind_two(after_the_queue_has_stood()), without_first(packets_of(super))) << size;
    client.now += 1h;
    client_reads(Udp{}.packet());  // the queue is empty: all is forgotten
    client_io.take_stream(client_stream_);
  }
}

TEST_F(BatchStreamJourney, LosesOneDatagramOfASuperPacketWhenTheQueueStands) {
  let_queue_stand();
  const SuperPacket super = udp_super_packet(40 * 1200 + 7, 1200);
  client_reads(super.packet, super.header);
  EXPECT_EQ(client.dropped(DropReason::backlog_full), 1U);
  EXPECT_EQ(behind_two(after_the_queue_has_stood()), without_first(packets_of(super)));
}

TEST_F(BatchStreamJourney, LosesAPacketWhenTheQueueStands) {
  let_queue_stand();
  client_reads(Udp{.payload = pattern(900)}.packet());
  EXPECT_EQ(client.dropped(DropReason::backlog_full), 1U);
  client_reads(Udp{.payload = pattern(1000)}.packet());
  EXPECT_EQ(client.dropped(DropReason::backlog_full), 1U) << "one at a time";
  EXPECT_EQ(packets_of(after_the_queue_has_stood()).size(), 3U);
}

TEST_F(BatchStreamJourney, RefusesSuperPacketsAsAWholeWhenTheQueueIsFull) {
  client_io.stall_stream(client_stream_);
  const SuperPacket super = test::tcp_super_packet(60000, 1400);
  constexpr std::size_t kSent = 100;
  for (std::size_t i = 0; i < kSent; ++i) client_reads(super.packet, super.header);
  const std::size_t refused = client.dropped(DropReason::backlog_full);
  EXPECT_EQ(client.dropped(), refused);
  EXPECT_GT(refused, 10U);
  EXPECT_LE(client_io.stream_backlog(client_stream_), tunio::IoConfig{}.stream_backlog_limit);

  const auto written = after_the_queue_has_stood();
  ASSERT_EQ(written.size(), kSent - refused);
  for (const auto& packet : written) EXPECT_EQ(packet.packet, super.packet);
  EXPECT_EQ(server.dropped(), 0U);
}

}  // namespace
}  // namespace vpnd::dataplane
