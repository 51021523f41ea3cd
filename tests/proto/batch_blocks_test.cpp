#include "proto/batch_blocks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using test::Bytes;
using test::from_hex;

// ---- packets and headers ----

Bytes ipv4_header(unsigned protocol, std::size_t behind) {
  Bytes header = from_hex("4500 0000 0000 4000 40 00 0000 0a080001 0a080002");
  const std::size_t total = header.size() + behind;
  header[2] = static_cast<std::byte>(total >> 8);
  header[3] = static_cast<std::byte>(total & 0xff);
  header[9] = static_cast<std::byte>(protocol);
  return header;
}

Bytes ipv6_header(unsigned next_header, std::size_t behind) {
  Bytes header =
      from_hex("60000000 0000 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002");
  header[4] = static_cast<std::byte>(behind >> 8);
  header[5] = static_cast<std::byte>(behind & 0xff);
  header[6] = static_cast<std::byte>(next_header);
  return header;
}

const Bytes kTcpHeader = from_hex("1f90 c350 00000001 00000002 5010 ffff abcd 0000");
const Bytes kUdpHeader = from_hex("1f90 c350 0000 abcd");

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes payload(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7);
  return bytes;
}

Bytes tcp_v4_headers(std::size_t size) {
  return ipv4_header(6, 20 + size) + kTcpHeader;
}
Bytes tcp_v6_headers(std::size_t size) {
  return ipv6_header(6, 20 + size) + kTcpHeader;
}
Bytes udp_v4_headers(std::size_t size) {
  return ipv4_header(17, 8 + size) + kUdpHeader;
}
Bytes udp_v6_headers(std::size_t size) {
  return ipv6_header(17, 8 + size) + kUdpHeader;
}

Bytes tcp_packet(std::size_t size) {
  return tcp_v4_headers(size) + payload(size);
}

Bytes partial(Bytes packet) {
  mark_checksum_partial(packet.data());
  return packet;
}

UnitMeta tcp_meta(const Bytes& headers, std::uint16_t payload_size) {
  return {.kind = UnitKind::tcp_v4,
          .checksum_partial = true,
          .headers = headers,
          .segment_size = 1448,
          .payload_size = payload_size};
}

// A whole slice block.
Bytes slice(const SliceHeader& header, const Bytes& bytes) {
  Bytes block(slice_header_size(header));
  EXPECT_EQ(write_slice_header(header, block.data()), block.data() + block.size());
  return block + bytes;
}

// ---- what was read ----

Block next_of(BlockReader& reader, BlockKind expected) {
  const Block block = reader.next();
  EXPECT_EQ(block.kind, expected);
  return block;
}

Slice next_slice(BlockReader& reader) {
  return next_of(reader, BlockKind::slice).slice;
}

// Whether the first block is; then nothing may come after it.
bool is_malformed(Bytes body) {
  BlockReader reader(body);
  return reader.next().kind == BlockKind::malformed && reader.next().kind == BlockKind::end;
}

Bytes copy(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(BlockReader, FindsNothingInAKeepaliveOrPadding) {
  for (Bytes body : {Bytes(), Bytes(1), Bytes(1000), from_hex("0f 45 00")}) {
    BlockReader reader(body);
    EXPECT_EQ(reader.next().kind, BlockKind::end);
    EXPECT_EQ(reader.next().kind, BlockKind::end);
  }
}

TEST(BlockReader, SplitsPacketsByTheirOwnLengths) {
  const Bytes packets[] = {tcp_packet(0), ipv6_header(59, 0), ipv4_header(1, 5) + payload(5),
                           tcp_v6_headers(1) + payload(1), tcp_packet(1400)};
  Bytes body;
  for (const Bytes& packet : packets) body = body + packet;
  body = body + Bytes(3);  // padding
  BlockReader reader(body);
  for (const Bytes& packet : packets) {
    EXPECT_EQ(copy(next_of(reader, BlockKind::packet).packet), packet);
  }
  EXPECT_EQ(reader.next().kind, BlockKind::end);
}

TEST(BlockReader, GivesPacketsOfPartialChecksumTheirVersionBack) {
  const Bytes packets[] = {tcp_packet(10), udp_v4_headers(0), tcp_v6_headers(3) + payload(3),
                           udp_v6_headers(9) + payload(9)};
  Bytes body;
  for (const Bytes& packet : packets) body = body + partial(packet);
  EXPECT_EQ(body[0], std::byte{0xc5});
  BlockReader reader(body);
  for (const Bytes& packet : packets) {
    EXPECT_EQ(copy(next_of(reader, BlockKind::partial_packet).packet), packet);
  }
}

TEST(BlockReader, TakesPartialChecksumsOfUnfragmentedTcpAndUdpOnly) {
  Bytes fragment = tcp_packet(8);
  fragment[6] = std::byte{0x20};
  Bytes short_offset = tcp_packet(8);
  short_offset[32] = std::byte{0x40};
  Bytes long_offset = tcp_packet(8);
  long_offset[32] = std::byte{0xf0};
  for (const Bytes& packet :
       {ipv4_header(1, 8) + payload(8), ipv6_header(44, 8) + payload(8), ipv4_header(6, 19) + payload(19),
        ipv4_header(17, 7) + payload(7), fragment, short_offset, long_offset}) {
    EXPECT_FALSE(can_be_partial(packet));
    EXPECT_TRUE(is_malformed(partial(packet)));
    EXPECT_FALSE(is_malformed(packet)) << "of the packet itself nothing is asked";
  }
  EXPECT_TRUE(can_be_partial(tcp_packet(1)));
  EXPECT_FALSE(can_be_partial({}));
}

TEST(BlockReader, RefusesPacketsThatContradictThemselves) {
  Bytes small_ihl = tcp_packet(0);
  small_ihl[0] = std::byte{0x44};
  Bytes large_ihl = ipv4_header(1, 0);
  large_ihl[0] = std::byte{0x4f};
  Bytes total_below_header = tcp_packet(0);
  total_below_header[3] = std::byte{19};
  Bytes beyond_the_body = tcp_packet(10);
  beyond_the_body.pop_back();
  Bytes beyond_the_body_v6 = tcp_v6_headers(10) + payload(9);
  for (const Bytes& packet : {small_ihl, large_ihl, total_below_header, beyond_the_body, beyond_the_body_v6,
                              ipv6_header(0, 0) /* a jumbogram */}) {
    EXPECT_TRUE(is_malformed(packet));
  }
}

TEST(BlockReader, RefusesUnknownBlocks) {
  for (const unsigned nibble : {3U, 5U, 7U, 8U, 9U, 0xaU, 0xbU, 0xdU, 0xfU}) {
    EXPECT_TRUE(is_malformed(Bytes(100, static_cast<std::byte>(nibble << 4)))) << nibble;
  }
}

// What stands before a fault is still good.
TEST(BlockReader, KeepsWhatStoodBeforeAMalformedBlock) {
  Bytes body = tcp_packet(4) + from_hex("ff") + tcp_packet(4);
  BlockReader reader(body);
  EXPECT_EQ(copy(next_of(reader, BlockKind::packet).packet), tcp_packet(4));
  EXPECT_EQ(reader.next().kind, BlockKind::malformed);
  EXPECT_EQ(reader.next().kind, BlockKind::end);
}

// docs/protocol.md §19 and §20 show these bytes.
TEST(Slices, StandOnTheWireAsDocumented) {
  const Bytes headers = tcp_v4_headers(5);
  UnitMeta meta = tcp_meta(headers, 5);
  meta.segment_size = 2;
  meta.ecn = true;
  const Bytes whole = slice({.first = true, .last = true, .unit = 7, .meta = meta}, payload(5));
  EXPECT_EQ(whole, from_hex("1e 07 0000"       // a slice: first, last, meta; unit 7; offset 0
                            "c1 28 0002 0005"  // partial, ECN, TCP over IPv4; 40; 2 to a segment; 5
                            "4500002d00004000400600000a0800010a080002"   // IP header
                            "1f90c350000000010000000250 10ffffabcd0000"  // TCP header
                            "00070e151c"));                              // payload
  EXPECT_EQ(slice({.unit = 255, .offset = 0x1234, .size = 3}, payload(3)),
            from_hex("11 ff 1234"  // a slice: size; unit 255; offset
                     "0003"        // size
                     "00070e"));   // payload
  EXPECT_EQ(slice({.unit = 1, .offset = 0x0500}, payload(2)), from_hex("10 01 0500 0007"));
}

TEST(Slices, AreReadAsTheyWereWritten) {
  const Bytes tcp4 = tcp_v4_headers(3000), tcp6 = tcp_v6_headers(3000), udp4 = udp_v4_headers(3000),
              udp6 = udp_v6_headers(3000), plain = ipv4_header(1, 3000), plain6 = ipv6_header(44, 3000);
  const struct {
    UnitKind kind;
    const Bytes& headers;
    bool checksum_partial, ecn;
    std::uint16_t segment_size;
  } cases[] = {
      {UnitKind::tcp_v4, tcp4, true, false, 1448}, {UnitKind::tcp_v4, tcp4, true, true, 1},
      {UnitKind::tcp_v6, tcp6, true, true, 65535}, {UnitKind::udp, udp4, true, false, 18},
      {UnitKind::udp, udp6, true, false, 1400},    {UnitKind::plain, plain, false, false, 0},
      {UnitKind::plain, plain6, false, false, 0},  {UnitKind::plain, tcp4, true, false, 0},
      {UnitKind::plain, udp6, false, false, 0},
  };
  for (const auto& [kind, headers, checksum_partial, ecn, segment_size] : cases) {
    const UnitMeta meta{kind, checksum_partial, ecn, headers, segment_size, 3000};
    Bytes body = slice({.first = true, .unit = 9, .size = 1000, .meta = meta}, payload(1000)) +
                 slice({.unit = 9, .offset = 1000, .size = 1}, payload(1)) +
                 slice({.last = true, .unit = 9, .offset = 1001, .meta = meta}, payload(1999));
    BlockReader reader(body);
    const auto first = next_slice(reader);
    const auto middle = next_slice(reader);
    const auto last = next_slice(reader);
    EXPECT_EQ(reader.next().kind, BlockKind::end);
    EXPECT_TRUE(first.first && !first.last && !middle.first && !middle.last && !last.first && last.last);
    EXPECT_EQ(middle.offset, 1000);
    EXPECT_EQ(copy(middle.payload), payload(1));
    EXPECT_FALSE(middle.meta);
    EXPECT_EQ(copy(last.payload), payload(1999));
    for (const Slice& end : {first, last}) {
      ASSERT_TRUE(end.meta);
      EXPECT_EQ(end.unit, 9);
      EXPECT_EQ(end.meta->kind, kind);
      EXPECT_EQ(end.meta->checksum_partial, checksum_partial);
      EXPECT_EQ(end.meta->ecn, ecn);
      EXPECT_EQ(end.meta->segment_size, segment_size);
      EXPECT_EQ(end.meta->payload_size, 3000);
      EXPECT_EQ(copy(end.meta->headers), headers);
    }
  }
}

// A unit of any size, cut at any size, comes together again.
TEST(Slices, CarryUnitsOfEverySize) {
  for (const std::size_t size : {1U, 2U, 100U, 1448U, 1449U, 9000U, 65495U}) {
    for (const std::size_t cut : {1U, 7U, 1300U, 1400U, 65495U}) {
      if (size / cut > 2000) continue;
      const Bytes headers = tcp_v4_headers(size), original = payload(size);
      const UnitMeta meta = tcp_meta(headers, static_cast<std::uint16_t>(size));
      Bytes assembled(size);
      for (std::size_t at = 0; at < size; at += cut) {
        const std::size_t here = std::min(cut, size - at);
        SliceHeader header{
            .first = at == 0, .last = at + here == size, .offset = static_cast<std::uint16_t>(at)};
        if (header.first || header.last) header.meta = meta;
        const auto from = original.begin() + static_cast<std::ptrdiff_t>(at);
        Bytes body = slice(header, Bytes(from, from + static_cast<std::ptrdiff_t>(here)));
        BlockReader reader(body);
        const auto block = next_slice(reader);
        ASSERT_EQ(block.payload.size(), here);
        std::ranges::copy(block.payload, assembled.begin() + block.offset);
      }
      EXPECT_EQ(assembled, original) << size << " bytes in slices of " << cut;
    }
  }
}

TEST(Slices, ThatEndEarlyAreMalformed) {
  const Bytes headers = tcp_v4_headers(5);
  const Bytes whole =
      slice({.first = true, .last = true, .size = 5, .meta = tcp_meta(headers, 5)}, payload(5));
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_TRUE(is_malformed(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))))
        << size;
  EXPECT_FALSE(is_malformed(whole));
}

TEST(Slices, MustLieWhereTheySayTheyDo) {
  const Bytes headers = tcp_v4_headers(100);
  const UnitMeta meta = tcp_meta(headers, 100);
  const struct {
    SliceHeader header;
    std::size_t size;
    const char* why;
  } faults[] = {
      {{.first = true}, 100, "the first without meta"},
      {{.offset = 0}, 10, "not the first, but at its place"},
      {{.first = true, .offset = 1, .meta = meta}, 10, "the first, but elsewhere"},
      {{.last = true, .offset = 50, .meta = meta}, 49, "the last ends early"},
      {{.last = true, .offset = 50, .meta = meta}, 51, "beyond the unit"},
      {{.offset = 50, .meta = meta}, 50, "the last that does not say so"},
      {{.first = true, .meta = meta}, 0, "empty"},
      {{.offset = 65535}, 1, "beyond what an offset can say"},
  };
  for (const auto& [header, size, why] : faults)
    EXPECT_TRUE(is_malformed(slice(header, payload(size)))) << why;
  EXPECT_FALSE(is_malformed(slice({.offset = 50, .meta = meta}, payload(49))))
      << "meta in the middle is fine";
  EXPECT_FALSE(is_malformed(slice({.offset = 65534}, payload(1))));
  EXPECT_FALSE(is_malformed(slice({.last = true, .offset = 50}, payload(50)))) << "it only should have it";
}

// IP options of a plain unit may stand in its payload, since nobody looks behind the fixed header.
TEST(Slices, OfAPlainUnitNeedOnlyTheFixedHeader) {
  Bytes packet = ipv4_header(1, 104) + payload(104);
  packet[0] = std::byte{0x46};
  const Bytes headers(packet.begin(), packet.begin() + 20);
  const UnitMeta meta{.headers = headers, .payload_size = 104};
  EXPECT_FALSE(is_malformed(slice({.first = true, .last = true, .meta = meta}, payload(104))));
  Bytes partly = slice({.first = true, .last = true, .meta = meta}, payload(104));
  partly[4] = std::byte{0x80};
  EXPECT_TRUE(is_malformed(partly)) << "where a partial checksum is must be known";
}

// Each change to a good slice makes a meta that contradicts itself.
TEST(Slices, MustHaveAMetaThatAgreesWithItsHeaders) {
  const Bytes headers = tcp_v4_headers(100);
  const Bytes good = slice({.first = true, .last = true, .meta = tcp_meta(headers, 100)}, payload(100));
  ASSERT_FALSE(is_malformed(good));
  constexpr std::size_t kKind = 4, kHeaderSize = 5, kSegmentSize = 6, kPayloadSize = 8, kIp = 10, kTcp = 30;
  const struct {
    std::size_t at;
    unsigned value;
    const char* why;
  } faults[] = {
      {kKind, 0x80, "a segment size, but plain"},
      {kKind, 0x01, "segmentable without partial checksum"},
      {kKind, 0x82, "TCP over IPv6, but IPv4"},
      {kKind, 0x83, "UDP, but TCP"},
      {kKind, 0x84, "unknown kind"},
      {kKind, 0x91, "a reserved bit"},
      {kKind, 0xa1, "the other reserved bit"},
      {kHeaderSize, 41, "a byte more than the headers"},
      {kHeaderSize, 19, "less than an IP header"},
      {kHeaderSize, 255, "beyond the body"},
      {kPayloadSize + 1, 99, "less than the length in the header"},
      {kIp, 0x44, "IHL below 5"},
      {kIp, 0x46, "IHL beyond the TCP header"},
      {kIp, 0x55, "no such version"},
      {kIp, 0xc5, "the top bit is the block's"},
      {kIp + 3, 0, "another length in the header"},
      {kIp + 6, 0x20, "a fragment"},
      {kIp + 9, 17, "UDP in the header"},
      {kTcp + 12, 0x60, "a TCP header longer than the headers"},
      {kTcp + 12, 0x40, "a TCP header shorter than can be"},
  };
  for (const auto& [at, value, why] : faults) {
    Bytes bad = good;
    bad[at] = static_cast<std::byte>(value);
    EXPECT_TRUE(is_malformed(bad)) << why;
  }
  Bytes no_segment_size = good;
  no_segment_size[kSegmentSize] = no_segment_size[kSegmentSize + 1] = std::byte{0};
  EXPECT_TRUE(is_malformed(no_segment_size));
}

TEST(ControlBlocks, StandOnTheWireAsDocumented) {
  Bytes body(kProbeAckSize + kProbeSize + 10, std::byte{0xee});
  write_probe_ack({.id = 0x1234, .received_size = 1472}, body.data());
  write_probe(0xabcd, body.data() + kProbeAckSize);
  write_padding(std::span(body).subspan(kProbeAckSize + kProbeSize));
  EXPECT_EQ(body, from_hex("21 1234 05c0  20 abcd") + Bytes(10));

  BlockReader reader(body);
  const Probe ack = next_of(reader, BlockKind::probe_ack).probe;
  EXPECT_EQ(ack.id, 0x1234);
  EXPECT_EQ(ack.received_size, 1472);
  EXPECT_EQ(next_of(reader, BlockKind::probe).probe.id, 0xabcd);
  EXPECT_EQ(reader.next().kind, BlockKind::end);
}

TEST(ControlBlocks, OfUnknownTypeOrCutShortAreMalformed) {
  for (const char* body : {"22 0000 0000", "2f 0000 0000", "20", "20 00", "21 0000 00", "21"})
    EXPECT_TRUE(is_malformed(from_hex(body))) << body;
}

}  // namespace
}  // namespace vpnd::proto
