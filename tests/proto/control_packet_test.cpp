#include "proto/control_packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using test::Bytes;
using test::from_hex;

const Bytes kServerSession = from_hex("5152535455565758");

SessionId session_id(const Bytes& bytes) {
  SessionId id;
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

Bytes format(const ControlBody& body) {
  Bytes bytes(control_body_size(body));
  EXPECT_EQ(format_control_body(body, bytes), bytes.size());
  return bytes;
}

TEST(ControlHeader, IsReadAndWritten) {
  const Bytes packet = from_hex("21 c1c2c3c4c5c6c7c8 00");
  const auto parsed = parse_control_header(packet);
  ASSERT_EQ(parsed.drop, DropReason::none);
  EXPECT_EQ(parsed.header.opcode, Opcode::control_v1);
  EXPECT_EQ(parsed.header.key_id, KeyId{1});
  EXPECT_EQ(parsed.header.sender, session_id(from_hex("c1c2c3c4c5c6c7c8")));

  std::array<std::byte, kControlHeaderSize> written;
  format_control_header(parsed.header, written);
  EXPECT_TRUE(std::equal(written.begin(), written.end(), packet.begin()));
}

TEST(ControlHeader, WhatCannotBeAControlPacketIsRefused) {
  EXPECT_EQ(parse_control_header({}).drop, DropReason::too_short);
  EXPECT_EQ(parse_control_header(from_hex("20 c1c2c3c4c5c6c7")).drop, DropReason::too_short);
  EXPECT_EQ(parse_control_header(from_hex("08 c1c2c3c4c5c6c7c8")).drop, DropReason::unknown_opcode);
  EXPECT_EQ(parse_control_header(from_hex("48 c1c2c3c4c5c6c7c8")).drop, DropReason::malformed);
  EXPECT_EQ(parse_control_header(from_hex("20 0000000000000000")).drop, DropReason::malformed)
      << "no session";
}

TEST(ControlBody, ClientResetHasNothingButItsMessageId) {
  const auto parsed = parse_control_body(Opcode::control_hard_reset_client_v2, from_hex("00 00000000"));
  ASSERT_EQ(parsed.drop, DropReason::none);
  EXPECT_TRUE(parsed.body.acks.empty());
  EXPECT_EQ(parsed.body.message_id, MessageId{0});
  EXPECT_TRUE(parsed.body.payload.empty());
}

TEST(ControlBody, PacketWithAcksNamesTheSessionThatTheyAreFor) {
  const Bytes bytes = from_hex("02 00000000 00000001 5152535455565758 00000003 160301");
  const auto parsed = parse_control_body(Opcode::control_v1, bytes);
  ASSERT_EQ(parsed.drop, DropReason::none);
  ASSERT_EQ(parsed.body.acks.size(), 2U);
  EXPECT_EQ(parsed.body.acks[0], MessageId{0});
  EXPECT_EQ(parsed.body.acks[1], MessageId{1});
  EXPECT_EQ(parsed.body.receiver, session_id(kServerSession));
  EXPECT_EQ(parsed.body.message_id, MessageId{3});
  EXPECT_EQ(parsed.body.payload.data(), bytes.data() + bytes.size() - 3) << "no copy is made";
  EXPECT_EQ(format(parsed.body), bytes);
}

TEST(ControlBody, AckHasNoMessageIdAndWhatFollowsIsPassedOver) {
  const Bytes bytes = from_hex("01 00000007 5152535455565758");
  const auto parsed = parse_control_body(Opcode::ack_v1, bytes);
  ASSERT_EQ(parsed.drop, DropReason::none);
  EXPECT_EQ(parsed.body.acks[0], MessageId{7});
  EXPECT_FALSE(parsed.body.message_id);
  EXPECT_EQ(format(parsed.body), bytes);

  const auto longer = parse_control_body(Opcode::ack_v1, from_hex("01 00000007 5152535455565758 aabb"));
  ASSERT_EQ(longer.drop, DropReason::none);
  EXPECT_TRUE(longer.body.payload.empty());
}

TEST(ControlBody, MoreThanEightAcksAreMalformed) {
  Bytes eight = from_hex("08");
  eight.resize(1 + 8 * 4 + 8 + 4);
  EXPECT_EQ(parse_control_body(Opcode::control_v1, eight).drop, DropReason::none);
  for (int count = 9; count < 256; ++count) {
    Bytes bytes(1 + 255 * 4 + 8 + 4);
    bytes[0] = static_cast<std::byte>(count);
    EXPECT_EQ(parse_control_body(Opcode::control_v1, bytes).drop, DropReason::malformed) << count;
  }
}

TEST(ControlBody, EveryTruncationOfAnyShapeIsTooShort) {
  for (std::size_t acks = 0; acks <= AckList::kCapacity; ++acks) {
    ControlBody body;
    for (std::size_t i = 0; i < acks; ++i)
      EXPECT_TRUE(body.acks.push(MessageId{static_cast<std::uint32_t>(i)}));
    body.receiver = session_id(kServerSession);
    body.message_id = MessageId{9};
    const Bytes bytes = format(body);
    EXPECT_EQ(parse_control_body(Opcode::control_v1, bytes).drop, DropReason::none);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(parse_control_body(Opcode::control_v1, std::span(bytes).first(size)).drop,
                DropReason::too_short)
          << acks << " acks, " << size << " of " << bytes.size() << " bytes";
    }
  }
}

TEST(ControlBody, IsNotWrittenIntoTooLittleRoom) {
  const Bytes payload = from_hex("0102030405");
  ControlBody body;
  EXPECT_TRUE(body.acks.push(MessageId{1}));
  body.message_id = MessageId{2};
  body.payload = payload;
  const std::size_t needed = control_body_size(body);
  EXPECT_EQ(needed, 1U + 4 + 8 + 4 + 5);
  for (std::size_t room = 0; room < needed; ++room) {
    Bytes out(room);
    EXPECT_EQ(format_control_body(body, out), 0U) << room;
  }
}

TEST(AckList, IsFullAfterEight) {
  AckList acks;
  for (std::uint32_t id = 0; id < 8; ++id) EXPECT_TRUE(acks.push(MessageId{id}));
  EXPECT_FALSE(acks.push(MessageId{8}));
  EXPECT_EQ(acks.size(), 8U);
  EXPECT_EQ(acks[7], MessageId{7});
}

}  // namespace
}  // namespace vpnd::proto
