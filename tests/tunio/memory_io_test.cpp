#include "tunio/memory_io.hpp"

#include <thread>

#include "io_fixture.hpp"

namespace vpnd::tunio::test {
namespace {

using namespace std::chrono_literals;

class MemoryIoTest : public ::testing::Test {
 protected:
  Buffer filled(const Bytes& bytes) {
    Buffer buffer = pool_.take();
    std::copy(bytes.begin(), bytes.end(), buffer.data());
    return buffer;
  }
  const Endpoint peer_ = *Endpoint::from_text("192.0.2.1", 1194);
  BufferPool pool_{4};
  MemoryIo io_;
};

TEST_F(MemoryIoTest, HandsOutTheScriptOnceAndInOneTurn) {
  io_.tun_gives(pattern(40), {.flags = kVirtioNeedsChecksum});
  io_.udp_gives(peer_, pattern(250), 100);
  const StreamId stream = io_.add_stream({});
  io_.stream_gives(stream, pattern(12));
  const Arrivals& arrivals = io_.wait(5ms);
  ASSERT_EQ(arrivals.tun.size(), 1u);
  EXPECT_EQ(arrivals.tun[0].header.flags, kVirtioNeedsChecksum);
  ASSERT_EQ(arrivals.udp.size(), 1u);
  EXPECT_EQ(arrivals.udp[0].segment_size, 100u);
  ASSERT_EQ(arrivals.streams.size(), 1u);
  EXPECT_EQ(to_bytes(arrivals.streams[0].frames), pattern(12));
  EXPECT_TRUE(io_.wait(7ms).empty());
  EXPECT_EQ(io_.timeouts(), (std::vector<std::chrono::nanoseconds>{5ms, 7ms}));
}

TEST_F(MemoryIoTest, RecordsWhatIsSentWhenItIsFlushed) {
  io_.send_udp(peer_, filled(pattern(250)), 250, 100, Fragments::as_configured);
  Bytes packet = pattern(60);
  const iovec parts[] = {{packet.data(), 20}, {packet.data() + 20, 40}};
  const TunWrite write{{.gso_size = 7}, parts};
  io_.write_tun({&write, 1});
  EXPECT_TRUE(io_.take_sent().empty());
  io_.flush();
  const auto sent = io_.take_sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, peer_);
  ASSERT_EQ(sent[0].datagrams().size(), 3u);
  EXPECT_EQ(sent[0].datagrams()[2].size(), 50u);
  const auto written = io_.take_written();
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].packet, packet);
  EXPECT_EQ(written[0].header.gso_size, 7);
  EXPECT_EQ(pool_.available(), pool_.capacity());
}

TEST_F(MemoryIoTest, LetsAStreamStall) {
  const StreamId stream = io_.add_stream({});
  io_.stall_stream(stream);
  io_.write_stream(stream, filled(pattern(100)), 100);
  io_.flush();
  EXPECT_EQ(io_.stream_backlog(stream), 100u);
  EXPECT_TRUE(io_.take_stream(stream).empty());
  io_.resume_stream(stream);
  EXPECT_EQ(io_.stream_backlog(stream), 0u);
  EXPECT_EQ(io_.take_stream(stream), pattern(100));
}

TEST_F(MemoryIoTest, EndsStreamsFromEitherSide) {
  const StreamId first = io_.add_stream({});
  const StreamId second = io_.add_stream({});
  io_.stream_ends(first, StreamError::end_of_stream);
  io_.close_stream(second);
  const Arrivals& arrivals = io_.wait(0ns);
  ASSERT_EQ(arrivals.closed.size(), 1u);
  EXPECT_EQ(arrivals.closed[0].stream, first);
  EXPECT_FALSE(io_.is_open(first));
  EXPECT_FALSE(io_.is_open(second));
}

TEST_F(MemoryIoTest, ReportsFailuresOnceAndWakes) {
  io_.tun_fails(std::make_error_code(std::errc::no_such_device));
  std::thread([&] { io_.wake(); }).join();
  const Arrivals& arrivals = io_.wait(0ns);
  EXPECT_TRUE(arrivals.woken);
  EXPECT_EQ(arrivals.tun_failure, std::errc::no_such_device);
  EXPECT_TRUE(io_.wait(0ns).empty());
}

}  // namespace
}  // namespace vpnd::tunio::test
