#include "tunio/mss_clamp.hpp"

#include <gtest/gtest.h>

#include "tests/tunio/packet_builder.hpp"

namespace vpnd::tunio {
namespace {

using namespace test;

Bytes syn(Family family, const Bytes& options, std::uint8_t flags = kSyn) {
  return Tcp{.family = family, .flags = flags, .options = options}.packet();
}

TEST(ClampMss, LowersTheMssAndKeepsTheChecksumSound) {
  const struct {
    Bytes options;
    std::size_t value_at;
  } cases[] = {
      {bytes_of({2, 4, 0x05, 0xb4}), 2},
      {bytes_of({1, 1, 2, 4, 0x05, 0xb4, 4, 2}), 4},
      {bytes_of({1, 2, 4, 0x05, 0xb4, 1, 4, 2}), 3},  // at an odd place: halves of two words
      {bytes_of({8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x05, 0xb4, 0, 0}), 12},
  };
  for (const Family family : {Family::v4, Family::v6}) {
    for (const std::uint8_t flags : {kSyn, static_cast<std::uint8_t>(kSyn | kAck)}) {
      for (const auto& [options, value_at] : cases) {
        Bytes packet = syn(family, options, flags);
        ASSERT_TRUE(clamp_mss(packet, 1300, ChecksumState::complete));
        EXPECT_EQ(be16(packet, ip_header_size(packet) + 20 + value_at), 1300);
        EXPECT_TRUE(is_sound(packet));
      }
    }
  }
}

TEST(ClampMss, LeavesAPartialChecksumAlone) {
  Bytes packet = syn(Family::v4, bytes_of({2, 4, 0x05, 0xb4}));
  make_partial(packet);
  const std::uint16_t before = be16(packet, 36);
  ASSERT_TRUE(clamp_mss(packet, 1300, ChecksumState::partial));
  EXPECT_EQ(be16(packet, 36), before);
  EXPECT_EQ(be16(packet, 42), 1300);
}

TEST(ClampMss, NeverRaisesIt) {
  for (const std::uint16_t limit : std::initializer_list<std::uint16_t>{1460, 1461, 9000}) {
    Bytes packet = syn(Family::v4, bytes_of({2, 4, 0x05, 0xb4}));
    const Bytes before = packet;
    EXPECT_FALSE(clamp_mss(packet, limit, ChecksumState::complete));
    EXPECT_EQ(packet, before);
  }
}

TEST(ClampMss, TouchesNothingButTheMssOfASyn) {
  Bytes later_fragment = syn(Family::v4, bytes_of({2, 4, 0x05, 0xb4}));
  put_be16(later_fragment, 6, 1);
  const Bytes packets[] = {
      syn(Family::v4, bytes_of({2, 4, 0x05, 0xb4}), kAck),
      syn(Family::v4, {}),
      Udp{.payload = pattern(40)}.packet(),
      later_fragment,
  };
  for (Bytes packet : packets) {
    const Bytes before = packet;
    EXPECT_FALSE(clamp_mss(packet, 500, ChecksumState::complete));
    EXPECT_EQ(packet, before);
  }
}

TEST(ClampMss, StopsAtMalformedOptions) {
  const Bytes malformed[] = {
      bytes_of({8, 0, 2, 4, 0x05, 0xb4, 1, 1}),   // a length of nothing would never end
      bytes_of({8, 1, 2, 4, 0x05, 0xb4, 1, 1}),   // a length without itself
      bytes_of({8, 40, 2, 4, 0x05, 0xb4, 1, 1}),  // beyond the header
      bytes_of({2, 3, 0x05, 0xb4}),               // an MSS of another size
      bytes_of({2, 6, 0x05, 0xb4, 0, 0, 0, 0}),
      bytes_of({1, 1, 1, 2}),                    // no room for a length
      bytes_of({1, 1, 2, 4}),                    // no room for the value
      bytes_of({0, 2, 4, 0x05, 0xb4, 0, 0, 0}),  // behind the end
  };
  for (const Bytes& options : malformed) {
    Bytes packet = syn(Family::v4, options);
    const Bytes before = packet;
    EXPECT_FALSE(clamp_mss(packet, 500, ChecksumState::complete));
    EXPECT_EQ(packet, before);
  }
  Bytes long_header = syn(Family::v4, {});
  long_header[32] = std::byte{0xf0};
  EXPECT_FALSE(clamp_mss(long_header, 500, ChecksumState::complete));
}

}  // namespace
}  // namespace vpnd::tunio
