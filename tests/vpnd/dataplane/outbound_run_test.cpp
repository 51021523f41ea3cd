#include "vpnd/dataplane/outbound_run.hpp"

#include <gtest/gtest.h>

#include "tests/tunio/packet_builder.hpp"

namespace vpnd::dataplane {
namespace {

constexpr std::size_t kOverhead = 24;

class OutboundRunTest : public testing::Test {
 protected:
  void start(OutboundRun::Kind kind) { run.start(pool.take(), kind, kOverhead, kOverhead); }
  void add(std::size_t payload_size) {
    ASSERT_TRUE(run.takes(payload_size)) << payload_size;
    run.add_in_place(payload_size);
  }

  tunio::BufferPool pool{1};
  OutboundRun run;
};

TEST_F(OutboundRunTest, TakesDatagramsOfOneSizeAndOneShorterThatEndsIt) {
  start(OutboundRun::Kind::datagrams);
  add(1000);
  add(1000);
  EXPECT_FALSE(run.takes(1001));
  add(400);
  EXPECT_FALSE(run.takes(400));
  EXPECT_FALSE(run.takes(1));
  EXPECT_EQ(run.datagram_size(), 1000 + kOverhead);
  EXPECT_EQ(run.wire_size(3), 2400 + 3 * kOverhead);
}

TEST_F(OutboundRunTest, TakesAtMostTheSegmentsOfOneSystemCall) {
  start(OutboundRun::Kind::datagrams);
  for (std::size_t i = 0; i < tunio::kMaxSegmentsPerRun; ++i) add(100);
  EXPECT_FALSE(run.takes(100));
}

TEST_F(OutboundRunTest, TakesAtMostTheBytesOfOneSystemCall) {
  for (const auto kind : {OutboundRun::Kind::datagrams, OutboundRun::Kind::frames}) {
    const std::size_t limit = kind == OutboundRun::Kind::frames ? tunio::kMaxFrameSize : tunio::kMaxRunBytes;
    const std::size_t room = limit - kOverhead;
    start(kind);
    EXPECT_FALSE(run.takes(room + 1));
    add(room);
    EXPECT_FALSE(run.takes(1));
    run.discard();
  }
}

TEST(OutboundRunLimit, TakesNoSecondRecordBeyondIt) {
  tunio::BufferPool pool(1);
  for (const auto kind : {OutboundRun::Kind::datagrams, OutboundRun::Kind::frames}) {
    OutboundRun run(2000);
    run.start(pool.take(), kind, 24, 24);
    ASSERT_TRUE(run.takes(3000));  // alone it may be larger
    ASSERT_TRUE(run.takes(900));
    run.add_in_place(900);
    ASSERT_TRUE(run.takes(900));
    run.add_in_place(900);
    EXPECT_FALSE(run.takes(900));
  }
}

TEST_F(OutboundRunTest, LaysDatagramsBackToBack) {
  start(OutboundRun::Kind::datagrams);
  add(10);
  add(10);
  const auto records = run.records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].plaintext, records[0].wire + kOverhead);
  EXPECT_EQ(records[1].wire, records[0].wire + kOverhead + 10);
}

TEST_F(OutboundRunTest, LeavesRoomForATagBehindThePayload) {
  constexpr std::size_t kHeader = 8;
  run.start(pool.take(), OutboundRun::Kind::datagrams, kOverhead, kHeader);
  add(10);
  add(10);
  const auto records = run.records();
  EXPECT_EQ(records[0].plaintext, records[0].wire + kHeader);
  EXPECT_EQ(records[1].wire, records[0].wire + kOverhead + 10);
}

TEST_F(OutboundRunTest, LeavesAPayloadWhereItIsUntilItIsSealed) {
  const tunio::test::Bytes payload = tunio::test::pattern(50);
  start(OutboundRun::Kind::datagrams);
  ASSERT_TRUE(run.takes(payload.size()));
  run.add(payload.data(), payload.size());
  EXPECT_EQ(run.records()[0].plaintext, payload.data());
  EXPECT_EQ(run.records()[0].size, payload.size());
}

TEST_F(OutboundRunTest, PutsALengthBeforeFramesOfAnySize) {
  start(OutboundRun::Kind::frames);
  add(100);
  add(500);
  add(300);
  const auto records = run.records();
  ASSERT_EQ(records.size(), 3U);
  const auto frame_length = [](const std::byte* wire) { return tunio::test::be16({wire - 2, 2}, 0); };
  EXPECT_EQ(frame_length(records[0].wire), 100 + kOverhead);
  EXPECT_EQ(frame_length(records[1].wire), 500 + kOverhead);
  EXPECT_EQ(frame_length(records[2].wire), 300 + kOverhead);
  EXPECT_EQ(run.wire_size(3), 900 + 3 * (kOverhead + 2));
  EXPECT_EQ(run.wire_size(1), 100 + kOverhead + 2);  // when only the first could be sealed
}

TEST_F(OutboundRunTest, BeginsAnewAfterItsBufferWasDiscarded) {
  start(OutboundRun::Kind::datagrams);
  add(1000);
  add(10);
  run.discard();
  EXPECT_EQ(pool.available(), 1U);
  start(OutboundRun::Kind::frames);
  EXPECT_TRUE(run.records().empty());
  EXPECT_TRUE(run.takes(2000));
}

}  // namespace
}  // namespace vpnd::dataplane
