#include "proto/compression_framing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

namespace vpnd::proto {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Bytes framed(CompressionFraming framing, const Bytes& payload) {
  Bytes frame(payload.size() + framing_size(framing));
  std::copy(payload.begin(), payload.end(),
            frame.begin() + static_cast<std::ptrdiff_t>(framing_prefix_size(framing)));
  apply_framing(framing, frame);
  return frame;
}

struct Outcome {
  DropReason drop;
  Bytes payload;
};

Outcome stripped(CompressionFraming framing, Bytes frame) {
  const auto [drop, payload] = strip_framing(framing, frame);
  return {drop, {payload.begin(), payload.end()}};
}

constexpr CompressionFraming kAll[] = {CompressionFraming::none, CompressionFraming::comp_lzo,
                                       CompressionFraming::swap, CompressionFraming::stub_v2};

TEST(CompressionFraming, FramesAsTheStockImplementationDoes) {
  const Bytes payload = bytes_of({0x45, 1, 2, 3});
  EXPECT_EQ(framed(CompressionFraming::none, payload), payload);
  EXPECT_EQ(framed(CompressionFraming::comp_lzo, payload), bytes_of({0xfa, 0x45, 1, 2, 3}));
  EXPECT_EQ(framed(CompressionFraming::swap, payload), bytes_of({0xfb, 1, 2, 3, 0x45}));
  EXPECT_EQ(framed(CompressionFraming::stub_v2, payload), payload);
}

TEST(CompressionFraming, IsUndoneByStripping) {
  for (const CompressionFraming framing : kAll) {
    for (std::size_t size = 1; size < 40; ++size) {
      Bytes payload(size, std::byte{0x45});
      payload.back() = std::byte{0x99};
      const auto [drop, result] = stripped(framing, framed(framing, payload));
      EXPECT_EQ(drop, DropReason::none);
      EXPECT_EQ(result, payload);
    }
  }
}

TEST(CompressionFraming, RefusesWhatItCannotRead) {
  using enum CompressionFraming;
  const struct {
    CompressionFraming framing;
    Bytes frame;
    DropReason drop;
  } cases[] = {
      {none, {}, DropReason::malformed},
      {comp_lzo, {}, DropReason::malformed},
      {swap, {}, DropReason::malformed},
      {stub_v2, {}, DropReason::malformed},
      {comp_lzo, bytes_of({0x66, 1, 2}), DropReason::compressed},  // LZO
      {comp_lzo, bytes_of({0x45, 1, 2}), DropReason::malformed},   // no frame at all
      {comp_lzo, bytes_of({0xfa}), DropReason::malformed},         // of nothing
      {swap, bytes_of({0x69, 1, 2}), DropReason::compressed},      // LZ4
      {swap, bytes_of({0x66, 1, 2}), DropReason::compressed},
      {swap, bytes_of({0x45, 1, 2}), DropReason::malformed},
      {swap, bytes_of({0xfb}), DropReason::malformed},
      {stub_v2, bytes_of({0x50}), DropReason::malformed},
      {stub_v2, bytes_of({0x50, 0}), DropReason::malformed},
      {stub_v2, bytes_of({0x50, 1, 9}), DropReason::compressed},
      {stub_v2, bytes_of({0x50, 0x0a, 9}), DropReason::malformed},
  };
  for (const auto& [framing, frame, drop] : cases) {
    EXPECT_EQ(stripped(framing, frame).drop, drop)
        << static_cast<int>(framing) << ", " << frame.size() << " bytes";
  }
}

TEST(CompressionFraming, StripsTheEscapeOfStubV2) {
  const auto [drop, payload] = stripped(CompressionFraming::stub_v2, bytes_of({0x50, 0, 0x50, 7}));
  EXPECT_EQ(drop, DropReason::none);
  EXPECT_EQ(payload, bytes_of({0x50, 7}));
}

TEST(SpecialPayloads, ArePingsOnlyIfTheyMatchExactly) {
  Bytes ping(kPingPayload.begin(), kPingPayload.end());
  EXPECT_TRUE(is_ping(ping));
  ping.push_back(std::byte{0});
  EXPECT_FALSE(is_ping(ping));
  ping.resize(15);
  EXPECT_FALSE(is_ping(ping));
  ping.push_back(std::byte{0x49});
  EXPECT_FALSE(is_ping(ping));
  EXPECT_FALSE(is_ping({}));
}

TEST(SpecialPayloads, CarryAnOccOperationBehindTheMagic) {
  Bytes message(kOccMagic.begin(), kOccMagic.end());
  EXPECT_EQ(occ_op(message), std::nullopt) << "the operation is missing";
  message.push_back(std::byte{6});
  EXPECT_EQ(occ_op(message), kOccExit);
  message.resize(40);
  EXPECT_EQ(occ_op(message), kOccExit) << "operations may carry data";
  message[3] ^= std::byte{1};
  EXPECT_EQ(occ_op(message), std::nullopt);
}

}  // namespace
}  // namespace vpnd::proto
