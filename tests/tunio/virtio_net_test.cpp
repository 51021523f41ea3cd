#include "tunio/virtio_net.hpp"

#include <gtest/gtest.h>

namespace vpnd::tunio {
namespace {

constexpr VirtioNetHeader kHeader = {.flags = kVirtioNeedsChecksum,
                                     .gso_type = kVirtioGsoTcpV4,
                                     .hdr_len = 0x0034,
                                     .gso_size = 0x05a8,
                                     .csum_start = 0x0014,
                                     .csum_offset = 0x0010};

TEST(VirtioNetHeader, IsLittleEndianOnTheDevice) {
  const std::array<std::byte, kVirtioNetHeaderSize> expected = {
      std::byte{1},    std::byte{1},                      // flags, gso_type
      std::byte{0x34}, std::byte{0},    std::byte{0xa8},  // hdr_len, gso_size
      std::byte{0x05}, std::byte{0x14}, std::byte{0},     // csum_start
      std::byte{0x10}, std::byte{0}};                     // csum_offset
  EXPECT_EQ(encode_virtio_net(kHeader), expected);
}

TEST(VirtioNetHeader, SurvivesEncodingAndDecoding) {
  EXPECT_EQ(decode_virtio_net(encode_virtio_net(kHeader)), kHeader);
}

TEST(VirtioNetHeader, IsAllZeroForAPlainPacket) {
  EXPECT_EQ(encode_virtio_net({}), (std::array<std::byte, kVirtioNetHeaderSize>{}));
}

}  // namespace
}  // namespace vpnd::tunio
