#include "vpnd/dataplane/handover_ring.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <thread>

#include "tests/tunio/packet_builder.hpp"
#include "tests/vpnd/dataplane/end.hpp"

namespace vpnd::dataplane {
namespace {

using test::Bytes;
using tunio::test::pattern;

HandoverNote for_peer(std::uint32_t index) {
  return {.kind = HandoverNote::Kind::from_tun, .header = {}, .peer = PeerIndex{index}, .source = {}};
}

Bytes to_bytes(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(HandoverRing, ShowsABatchOnlyWhenItIsPublished) {
  HandoverRing ring(0);
  ASSERT_TRUE(ring.write(for_peer(1), pattern(10)));
  ASSERT_TRUE(ring.write(for_peer(2), pattern(0)));
  EXPECT_FALSE(ring.read().has_value());
  EXPECT_TRUE(ring.publish());
  EXPECT_FALSE(ring.publish()) << "nothing new";

  const auto first = ring.read();
  const auto second = ring.read();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->note.peer, PeerIndex{1});
  EXPECT_EQ(to_bytes(first->bytes), pattern(10));
  EXPECT_EQ(second->note.peer, PeerIndex{2});
  EXPECT_TRUE(second->bytes.empty());
  EXPECT_FALSE(ring.read().has_value());
}

TEST(HandoverRing, CarriesWholeNotes) {
  HandoverRing ring(0);
  const HandoverNote note{
      .kind = HandoverNote::Kind::datagram,
      .header =
          {.flags = 1, .gso_type = 4, .hdr_len = 60, .gso_size = 1400, .csum_start = 40, .csum_offset = 16},
      .peer = PeerIndex{70'000},
      .source = test::endpoint("2001:db8::7", 4711)};
  ASSERT_TRUE(ring.write(note, pattern(3)));
  ring.publish();
  const auto record = ring.read();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->note.kind, note.kind);
  EXPECT_EQ(record->note.peer, note.peer);
  EXPECT_EQ(record->note.header, note.header);
  EXPECT_EQ(record->note.source, note.source);
}

TEST(HandoverRing, TakesTheLargestPacketAndNothingBeyond) {
  HandoverRing ring(0);
  EXPECT_TRUE(ring.write(for_peer(0), Bytes(HandoverRing::kMaxBytes)));
  EXPECT_FALSE(ring.write(for_peer(0), Bytes(HandoverRing::kMaxBytes + 1)));
}

TEST(HandoverRing, HasNoRoomBeforeTheReaderReleases) {
  HandoverRing ring(0);
  std::size_t fit = 0;
  while (ring.write(for_peer(0), Bytes(10'000))) ++fit;
  EXPECT_GE(fit, 6U);
  ring.publish();
  ASSERT_TRUE(ring.read());
  EXPECT_FALSE(ring.write(for_peer(0), Bytes(10'000))) << "read, but not released";
  ring.release();
  EXPECT_TRUE(ring.write(for_peer(0), Bytes(10'000)));
}

TEST(HandoverRing, AnEmptyRingTakesTheLargestPacketWhereverItStands) {
  HandoverRing ring(0);
  for (std::size_t i = 0; i < 5000; ++i) {
    const std::size_t size = i % 2 == 0 ? HandoverRing::kMaxBytes : i % 300;
    ASSERT_TRUE(ring.write(for_peer(0), Bytes(size))) << i;
    ring.publish();
    ASSERT_EQ(ring.read()->bytes.size(), size);
    ring.release();
  }
}

// Against a queue that is obviously right, with batches, gaps and full rings of every kind.
TEST(HandoverRing, BehavesLikeAQueue) {
  std::mt19937 random(1);
  HandoverRing ring(300'000);
  std::deque<Bytes> staged;
  std::deque<Bytes> visible;
  std::size_t refused = 0;
  for (unsigned step = 0; step < 20'000; ++step) {
    switch (random() % 8) {
      case 0:
        ring.publish();
        for (Bytes& bytes : staged) visible.push_back(std::move(bytes));
        staged.clear();
        break;
      case 1:
        ring.release();
        break;
      case 2:
      case 3:
        if (const auto record = ring.read()) {
          ASSERT_FALSE(visible.empty());
          ASSERT_EQ(to_bytes(record->bytes), visible.front());
          visible.pop_front();
        } else {
          ASSERT_TRUE(visible.empty());
        }
        break;
      default:
        Bytes bytes = pattern(random() % (random() % 4 == 0 ? 65'000 : 300), step);
        ring.write(for_peer(step), bytes) ? staged.push_back(std::move(bytes)) : void(++refused);
    }
  }
  EXPECT_GT(refused, 0U);
}

// For ThreadSanitizer: the bytes themselves are not atomic.
TEST(HandoverRing, CrossesThreadsInOrder) {
  constexpr std::uint32_t kRecords = 20'000;
  HandoverRing ring(200'000);
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < kRecords; ++i) {
      while (!ring.write(for_peer(i), pattern(i % 2000, i))) {
        ring.publish();
        std::this_thread::yield();
      }
      if (i % 7 == 0) ring.publish();
    }
    ring.publish();
  });
  for (std::uint32_t i = 0; i < kRecords;) {
    while (const auto record = ring.read()) {
      EXPECT_EQ(record->note.peer, PeerIndex{i});
      EXPECT_EQ(to_bytes(record->bytes), pattern(i % 2000, i));
      ++i;
    }
    ring.release();
    std::this_thread::yield();
  }
  writer.join();
}

}  // namespace
}  // namespace vpnd::dataplane
