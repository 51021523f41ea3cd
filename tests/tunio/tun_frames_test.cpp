#include "tunio/tun_frames.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_fixture.hpp"

namespace vpnd::tunio::test {
namespace {

// One frame by hand: 5 bytes of packet, a super-packet's header, 3 bytes of padding.
const Bytes kFrame = [] {
  Bytes bytes(24);
  bytes[0] = std::byte{5};                                   // length
  bytes[6] = std::byte{1};                                   // flags
  bytes[7] = std::byte{5};                                   // gso_type
  bytes[8] = std::byte{28};                                  // hdr_len
  bytes[10] = std::byte{0xe8}, bytes[11] = std::byte{0x03};  // gso_size 1000
  bytes[12] = std::byte{20};                                 // csum_start
  bytes[14] = std::byte{6};                                  // csum_offset
  for (std::size_t i = 0; i < 5; ++i) bytes[16 + i] = static_cast<std::byte>('a' + i);
  return bytes;
}();

constexpr VirtioNetHeader kHeader{
    .flags = 1, .gso_type = 5, .hdr_len = 28, .gso_size = 1000, .csum_start = 20, .csum_offset = 6};

TEST(TunFrames, AreTakenOffOneByOne) {
  Bytes two = kFrame;
  two.insert(two.end(), kFrame.begin(), kFrame.end() - 3);  // the last one's padding may be missing
  std::span<std::byte> rest = two;
  TunArrival arrival{};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(take_tun_frame(rest, arrival));
    EXPECT_EQ(arrival.header, kHeader);
    EXPECT_EQ(to_bytes(arrival.packet), to_bytes(std::span(kFrame).subspan(16, 5)));
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(take_tun_frame(rest, arrival));
}

TEST(TunFrames, AreNotTakenWhenCutOffOrEmpty) {
  TunArrival arrival{};
  for (std::size_t size = 1; size < 21; ++size) {
    Bytes cut(kFrame.begin(), kFrame.begin() + static_cast<std::ptrdiff_t>(size));
    std::span<std::byte> rest = cut;
    EXPECT_FALSE(take_tun_frame(rest, arrival)) << size;
    EXPECT_EQ(rest.size(), size);
  }
  Bytes empty = kFrame;
  empty[0] = std::byte{0};
  std::span<std::byte> rest = empty;
  EXPECT_FALSE(take_tun_frame(rest, arrival));
  Bytes huge = kFrame;
  huge[3] = std::byte{0xff};
  rest = huge;
  EXPECT_FALSE(take_tun_frame(rest, arrival));
}

class TunFrameWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    near_ = UniqueFd(ends[0]);
    far_ = UniqueFd(ends[1]);
  }

  Bytes written() {
    Bytes bytes(1 << 16);
    const ssize_t size = ::read(far_.get(), bytes.data(), bytes.size());
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }

  UniqueFd near_;
  UniqueFd far_;
  TunFrameWriter writer_;
  IoCounters counters_;
};

TEST_F(TunFrameWriterTest, WritesAllPacketsInOneCall) {
  Bytes packet = to_bytes(std::span(kFrame).subspan(16, 5));
  const iovec parts[] = {{packet.data(), 2}, {packet.data() + 2, 3}};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer_.add({kHeader, parts}));
  EXPECT_TRUE(writer_.pending());
  EXPECT_EQ(writer_.flush(near_.get(), counters_), 0);
  EXPECT_FALSE(writer_.pending());
  Bytes expected = kFrame;
  for (int i = 0; i < 2; ++i) expected.insert(expected.end(), kFrame.begin(), kFrame.end());
  EXPECT_EQ(written(), expected);
  EXPECT_EQ(counters_.tun_writes, 3u);
  EXPECT_EQ(counters_.tun_write_bytes, 15u);
  EXPECT_EQ(counters_.system_calls, 1u);
}

TEST_F(TunFrameWriterTest, SaysWhenItIsFull) {
  Bytes packet(8);
  const iovec part{packet.data(), packet.size()};
  int taken = 0;
  while (writer_.add({{}, {&part, 1}})) ASSERT_LT(++taken, 10'000);
  EXPECT_GE(taken, 300);
  std::vector<iovec> pieces(kMaxWriteParts, part);
  EXPECT_EQ(writer_.flush(near_.get(), counters_), 0);
  EXPECT_FALSE(writer_.add({{}, pieces})) << "with frame and padding they are more than the kernel takes";
}

TEST_F(TunFrameWriterTest, CountsWhatADescriptorWithoutRoomRefuses) {
  Bytes packet(64);
  const iovec part{packet.data(), packet.size()};
  int error = 0;
  for (int i = 0; i < 10'000 && error == 0; ++i) {
    ASSERT_TRUE(writer_.add({{}, {&part, 1}}));
    error = writer_.flush(near_.get(), counters_);
  }
  EXPECT_EQ(error, EAGAIN);
  EXPECT_EQ(counters_.tun_write_full, 1u);
}

TEST_F(TunFrameWriterTest, KnowsThatASocketIsNoTunBatch) {
  EXPECT_FALSE(is_tun_batch(near_.get()));
}

}  // namespace
}  // namespace vpnd::tunio::test
