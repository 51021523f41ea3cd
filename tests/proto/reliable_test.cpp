#include "proto/reliable.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <random>
#include <vector>

namespace vpnd::proto {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1000)};
constexpr std::array kPayload{std::byte{1}, std::byte{2}, std::byte{3}};

AckList acks(std::initializer_list<std::uint32_t> ids) {
  AckList list;
  for (const std::uint32_t id : ids) EXPECT_TRUE(list.push(MessageId{id}));
  return list;
}

std::vector<std::uint32_t> values(const AckList& list) {
  std::vector<std::uint32_t> ids;
  for (const MessageId id : list) ids.push_back(id.value);
  return ids;
}

class SendWindowTest : public testing::Test {
 protected:
  void push(int count) {
    for (int i = 0; i < count; ++i) window.push(Opcode::control_v1, kPayload);
  }
  std::vector<std::uint32_t> due(TimePoint now) {
    std::vector<std::uint32_t> ids;
    while (const auto message = window.take_due(now)) ids.push_back(message->id.value);
    return ids;
  }

  SendWindow window{SendWindow::Retransmit::on_timeout, seconds(2), MessageId{0}};
};

using Ids = std::vector<std::uint32_t>;

TEST_F(SendWindowTest, SendsEachMessageOnceAndAgainWithDoublingTimeouts) {
  push(1);
  EXPECT_EQ(due(kStart), Ids{0});
  const struct {
    seconds at;
    Ids sent;
  } moments[] = {
      {seconds(1), {}},  {seconds(2), {0}},  {seconds(5), {}},  {seconds(6), {0}},
      {seconds(13), {}}, {seconds(14), {0}}, {seconds(29), {}}, {seconds(30), {0}},
  };
  for (const auto& [at, sent] : moments) EXPECT_EQ(due(kStart + at), sent) << at.count() << " s";
  EXPECT_EQ(window.retransmissions(), 4U);
}

TEST_F(SendWindowTest, HasRoomForFourUntilMoreIsAllowed) {
  push(4);
  EXPECT_FALSE(window.has_room());
  window.set_limit(SendWindow::kCapacity);
  push(2);
  EXPECT_FALSE(window.has_room());
}

TEST_F(SendWindowTest, CountsItsRoomFromTheOldestUnacknowledgedMessage) {
  push(4);
  EXPECT_EQ(due(kStart), (Ids{0, 1, 2, 3}));
  window.acknowledge(acks({1, 2, 3}), kStart);
  EXPECT_FALSE(window.has_room());  // message 4 would be beyond the window of a peer that waits for 0
  window.acknowledge(acks({0}), kStart);
  EXPECT_TRUE(window.has_room());
  EXPECT_TRUE(window.empty());
}

TEST_F(SendWindowTest, RepeatsAMessageAfterThreeLaterAcknowledgements) {
  push(4);
  EXPECT_EQ(due(kStart).size(), 4U);
  const TimePoint soon = kStart + milliseconds(50);
  window.acknowledge(acks({1, 2}), soon);
  EXPECT_EQ(due(soon), Ids{});
  window.acknowledge(acks({3}), soon);
  EXPECT_EQ(due(soon), Ids{0});
  EXPECT_EQ(due(soon), Ids{});
}

TEST_F(SendWindowTest, IgnoresAcknowledgementsOfWhatWasNeverSent) {
  push(2);
  window.acknowledge(acks({0, 1, 7, 0xFFFFFFFF}), kStart);  // neither has left yet
  EXPECT_EQ(due(kStart), (Ids{0, 1}));
  window.acknowledge(acks({8, 9}), kStart);  // the same places in the table
  EXPECT_FALSE(window.empty());
}

TEST_F(SendWindowTest, OverAStreamSendsNothingTwice) {
  SendWindow stream(SendWindow::Retransmit::never, seconds(2), MessageId{0});
  stream.push(Opcode::control_v1, kPayload);
  EXPECT_TRUE(stream.take_due(kStart).has_value());
  EXPECT_EQ(stream.deadline(), TimePoint::max());
  EXPECT_FALSE(stream.take_due(kStart + std::chrono::hours(1)).has_value());
  EXPECT_FALSE(stream.empty());
}

TEST_F(SendWindowTest, AfterTheEndSendsOnlyWhatIsNew) {
  push(1);
  EXPECT_EQ(due(kStart), Ids{0});
  push(1);
  window.stop_repeating();
  EXPECT_EQ(due(kStart + seconds(100)), Ids{1});
  EXPECT_EQ(due(kStart + seconds(1000)), Ids{});
}

TEST_F(SendWindowTest, KeepsOpcodeAndPayload) {
  window.push(Opcode::control_wkc_v1, kPayload);
  for (const TimePoint now : {kStart, kStart + seconds(2)}) {
    const auto message = window.take_due(now);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->opcode, Opcode::control_wkc_v1);
    EXPECT_TRUE(
        std::equal(message->payload.begin(), message->payload.end(), kPayload.begin(), kPayload.end()));
  }
}

ReceiveWindow::Verdict arrive(ReceiveWindow& window, std::uint32_t id) {
  const auto verdict = window.judge(MessageId{id});
  if (verdict == ReceiveWindow::Verdict::fresh) window.store({MessageId{id}, Opcode::control_v1, kPayload});
  return verdict;
}

TEST(ReceiveWindow, JudgesByDistanceFromTheNextMessage) {
  ReceiveWindow window(MessageId{0});
  using enum ReceiveWindow::Verdict;
  const struct {
    std::uint32_t id;
    ReceiveWindow::Verdict verdict;
  } arrivals[] = {
      {1, fresh}, {1, repeated}, {11, fresh}, {12, beyond}, {0x80000000, beyond}, {0, fresh}, {0, repeated},
  };
  for (const auto& [id, verdict] : arrivals) EXPECT_EQ(arrive(window, id), verdict) << "id " << id;
  EXPECT_EQ(window.take()->id.value, 0U);
  EXPECT_EQ(window.take()->id.value, 1U);
  EXPECT_FALSE(window.take().has_value());  // 2 is missing
  EXPECT_EQ(arrive(window, 0), repeated);   // taken, but still known
  EXPECT_EQ(arrive(window, 13), fresh);
  EXPECT_EQ(arrive(window, 14), beyond);
}

TEST(ReceiveWindow, GoesOnWhenTheIdsStartOver) {
  ReceiveWindow window(MessageId{0xFFFFFFFE});
  for (const std::uint32_t id : {1U, 0U, 0xFFFFFFFFU, 0xFFFFFFFEU}) {
    EXPECT_EQ(arrive(window, id), ReceiveWindow::Verdict::fresh) << id;
  }
  for (const std::uint32_t id : {0xFFFFFFFEU, 0xFFFFFFFFU, 0U, 1U}) EXPECT_EQ(window.take()->id.value, id);
  EXPECT_EQ(arrive(window, 0xFFFFFFFF), ReceiveWindow::Verdict::repeated);
}

TEST(AckQueue, TakesPendingOnesFirstAndFillsUpWithRecentOnes) {
  AckQueue queue;
  EXPECT_TRUE(queue.take(4).empty());
  queue.add(MessageId{0});
  queue.add(MessageId{0});
  EXPECT_EQ(values(queue.take(4)), Ids{0});
  EXPECT_FALSE(queue.pending());
  EXPECT_EQ(values(queue.take(4)), Ids{0});  // once more, in case the first got lost
  queue.add(MessageId{1});
  queue.add(MessageId{2});
  EXPECT_EQ(values(queue.take(8)), (Ids{2, 1, 0}));
}

TEST(AckQueue, LeavesTheRestForTheNextPacket) {
  AckQueue queue;
  for (std::uint32_t id = 0; id < 6; ++id) queue.add(MessageId{id});
  EXPECT_EQ(values(queue.take(4)), (Ids{3, 2, 1, 0}));
  EXPECT_TRUE(queue.pending());
  EXPECT_EQ(values(queue.take(4)), (Ids{5, 4, 3, 2}));
  EXPECT_FALSE(queue.pending());
}

TEST(AckQueue, NeverHoldsMoreThanItsCapacity) {
  AckQueue queue;
  for (std::uint32_t id = 0; id < 1000; ++id) queue.add(MessageId{id});
  std::size_t taken = 0;
  while (queue.pending()) taken += queue.take(AckQueue::kMaxInAck).size();
  EXPECT_LE(taken, 2 * AckQueue::kMaxInAck);
}

// The two windows against each other, over a link that loses a third of everything.
TEST(Reliable, DeliversEverythingInOrderOverALossyLink) {
  std::mt19937 random(7);
  const auto lost = [&random] { return random() % 3 == 0; };
  SendWindow sender(SendWindow::Retransmit::on_timeout, seconds(2), MessageId{0});
  ReceiveWindow receiver(MessageId{0});
  AckQueue queue;
  std::uint32_t delivered = 0;
  TimePoint now = kStart;
  for (int round = 0; round < 100000 && delivered < 500; ++round) {
    while (sender.has_room()) sender.push(Opcode::control_v1, kPayload);
    while (const auto message = sender.take_due(now)) {
      if (lost()) continue;
      if (receiver.judge(message->id) == ReceiveWindow::Verdict::fresh) receiver.store(*message);
      queue.add(message->id);
    }
    while (const auto message = receiver.take()) EXPECT_EQ(message->id.value, delivered++);
    const AckList list = queue.take(AckQueue::kMaxInControl);
    if (!lost()) sender.acknowledge(list, now);
    now += milliseconds(500);
  }
  EXPECT_GE(delivered, 500U);
}

}  // namespace
}  // namespace vpnd::proto
