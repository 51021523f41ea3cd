#include "proto/opcode.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using test::from_hex;

TEST(Opcode, FirstByteIsTakenApartAndPutTogetherForEveryLegalValue) {
  for (unsigned value = 0; value < 256; ++value) {
    const auto byte = static_cast<std::byte>(value);
    const auto first = parse_first_byte(byte);
    const bool legal = value >> 3 >= 3 && value >> 3 <= 11;
    ASSERT_EQ(first.has_value(), legal) << value;
    if (legal) {
      EXPECT_EQ(format_first_byte(first->opcode, first->key_id), byte);
    }
  }
  EXPECT_EQ(format_first_byte(Opcode::control_hard_reset_client_v2, KeyId{0}), std::byte{0x38});
  EXPECT_EQ(format_first_byte(Opcode::data_v2, KeyId{7}), std::byte{0x4F});
}

TEST(Opcode, KindsOfPacketsAreToldApart) {
  EXPECT_TRUE(is_data(Opcode::data_v1));
  EXPECT_TRUE(is_data(Opcode::data_v2));
  EXPECT_FALSE(is_data(Opcode::control_v1));
  EXPECT_TRUE(is_hard_reset(Opcode::control_hard_reset_server_v2));
  EXPECT_FALSE(is_hard_reset(Opcode::control_soft_reset_v1));
  EXPECT_TRUE(carries_wrapped_client_key(Opcode::control_wkc_v1));
  EXPECT_FALSE(carries_wrapped_client_key(Opcode::control_hard_reset_client_v2));
}

TEST(Opcode, KeyIdsGoRoundWithoutTheFirstOne) {
  EXPECT_EQ(next_key_id(KeyId{0}), KeyId{1});
  EXPECT_EQ(next_key_id(KeyId{6}), KeyId{7});
  EXPECT_EQ(next_key_id(KeyId{7}), KeyId{1});
}

TEST(DataHeader, VersionTwoNamesItsPeer) {
  const auto parsed = parse_data_header(from_hex("4b 000102 ff"));
  ASSERT_EQ(parsed.drop, DropReason::none);
  EXPECT_EQ(parsed.header.key_id, KeyId{3});
  EXPECT_EQ(parsed.header.peer_id, PeerId{0x000102});
  EXPECT_EQ(parsed.header.size, kDataV2HeaderSize);
}

TEST(DataHeader, VersionOneHasNoPeer) {
  const auto parsed = parse_data_header(from_hex("32"));
  ASSERT_EQ(parsed.drop, DropReason::none);
  EXPECT_EQ(parsed.header.key_id, KeyId{2});
  EXPECT_EQ(parsed.header.peer_id, kNoPeer);
  EXPECT_EQ(parsed.header.size, kDataV1HeaderSize);
}

TEST(DataHeader, WhatIsTooShortOrNoDataIsRefused) {
  EXPECT_EQ(parse_data_header({}).drop, DropReason::too_short);
  EXPECT_EQ(parse_data_header(from_hex("48 0001")).drop, DropReason::too_short);
  EXPECT_EQ(parse_data_header(from_hex("20 000102")).drop, DropReason::malformed);
  EXPECT_EQ(parse_data_header(from_hex("f8 000102")).drop, DropReason::unknown_opcode);
}

TEST(DataHeader, WhatIsWrittenIsReadBack) {
  const DataHeader headers[] = {
      {KeyId{0}, PeerId{0}, kDataV2HeaderSize},
      {KeyId{7}, PeerId{0xFFFFFE}, kDataV2HeaderSize},
      {KeyId{5}, kNoPeer, kDataV1HeaderSize},
  };
  for (const DataHeader& header : headers) {
    std::array<std::byte, kDataV2HeaderSize> bytes{};
    format_data_header(header, bytes.data());
    const auto parsed = parse_data_header(bytes);
    ASSERT_EQ(parsed.drop, DropReason::none);
    EXPECT_EQ(parsed.header.key_id, header.key_id);
    EXPECT_EQ(parsed.header.peer_id, header.peer_id);
    EXPECT_EQ(parsed.header.size, header.size);
  }
}

}  // namespace
}  // namespace vpnd::proto
