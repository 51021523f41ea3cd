#include "proto/packet_id.hpp"

#include <gtest/gtest.h>

namespace vpnd::proto {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kTime = 0x65000000;

Now at(int seconds_later) {
  return {TimePoint(seconds(1000 + seconds_later)), kTime + static_cast<std::uint32_t>(seconds_later)};
}

TEST(ControlPacketIdCounter, BeginsAtOneUnderTheTimeOfItsFirstPacket) {
  ControlPacketIdCounter counter;
  EXPECT_EQ(counter.next(at(5)), (ControlPacketId{1, kTime + 5}));
  EXPECT_EQ(counter.next(at(9)), (ControlPacketId{2, kTime + 5})) << "the time is not each packet's";
}

TEST(ControlPacketIdCounter, GoesOnBehindAnIdThatWasUsedElsewhere) {
  ControlPacketIdCounter counter(ControlPacketId{1, kTime});
  EXPECT_EQ(counter.next(at(3)), (ControlPacketId{2, kTime}));
}

TEST(ControlPacketIdCounter, RestartsAfterTheLastIdOnlyWhenTheClockHasMovedOn) {
  ControlPacketIdCounter counter(ControlPacketId{0xFFFFFFFE, kTime});
  EXPECT_EQ(counter.next(at(0)), (ControlPacketId{0xFFFFFFFF, kTime}));
  EXPECT_EQ(counter.next(at(0)), std::nullopt);
  EXPECT_EQ(counter.next(at(-1)), std::nullopt) << "nor when the wall clock was set back";
  EXPECT_EQ(counter.next(at(1)), (ControlPacketId{1, kTime + 1}));
  EXPECT_EQ(counter.next(at(1)), (ControlPacketId{2, kTime + 1}));
}

TEST(ControlReplayWindow, AcceptsEachIdOnceWithinTheWindow) {
  constexpr auto kWindow = ControlReplayWindow::kSize;
  const struct {
    std::uint32_t id;
    bool accepted;
  } arrivals[] = {
      {1, true},
      {2, true},
      {2, false},  // in order, then replayed
      {9, true},
      {8, true},
      {8, false},  // reordered, then replayed
      {1, false},
      {9, false},  // still known
      {kWindow + 20, true},
      {20, false},  // the window moves on,
      {21, true},
      {21, false},
      {kWindow + 20, false},
      {19, false},  // and 21 is its oldest
      {0xFFFFFFFF, true},
      {0xFFFFFFFF - kWindow, false},
      {0xFFFFFFFF - kWindow + 1, true},
  };
  ControlReplayWindow window;
  for (const auto& [id, accepted] : arrivals) {
    const auto expected = accepted ? DropReason::none : DropReason::control_replayed;
    EXPECT_EQ(window.accept({id, kTime}, at(0)), expected) << "id " << id;
  }
}

TEST(ControlReplayWindow, ZeroIsNoPacketId) {
  ControlReplayWindow window;
  EXPECT_EQ(window.accept({0, kTime}, at(0)), DropReason::malformed);
}

TEST(ControlReplayWindow, LaterTimeRestartsItAndAnEarlierOneIsAReplay) {
  ControlReplayWindow window;
  EXPECT_EQ(window.accept({500, kTime}, at(0)), DropReason::none);
  EXPECT_EQ(window.accept({1, kTime + 1}, at(1)), DropReason::none);
  EXPECT_EQ(window.accept({500, kTime}, at(1)), DropReason::control_replayed);
  EXPECT_EQ(window.accept({501, kTime}, at(1)), DropReason::control_replayed);
  EXPECT_EQ(window.accept({1, kTime + 1}, at(1)), DropReason::control_replayed);
  EXPECT_EQ(window.accept({2, kTime + 1}, at(1)), DropReason::none);
}

TEST(ControlReplayWindow, PacketOvertakenLongAgoIsNoLongerBelieved) {
  ControlReplayWindow window;
  EXPECT_EQ(window.accept({1, kTime}, at(0)), DropReason::none);
  EXPECT_EQ(window.accept({4, kTime}, at(0)), DropReason::none);
  EXPECT_EQ(window.accept({2, kTime}, at(15)), DropReason::none) << "15 s late is just in time";
  EXPECT_EQ(window.accept({3, kTime}, at(16)), DropReason::control_replayed);
  EXPECT_EQ(window.accept({5, kTime}, at(100)), DropReason::none) << "silence does not matter to newer ones";
}

}  // namespace
}  // namespace vpnd::proto
