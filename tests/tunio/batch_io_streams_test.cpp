// TCP connections through both engines: frames in, frames out, and every way a stream ends.

#include <netinet/in.h>

#include "io_fixture.hpp"
#include "tunio/byte_order.hpp"
#include "tunio/tcp_socket.hpp"

namespace vpnd::tunio::test {
namespace {

using namespace std::chrono_literals;

Bytes frame(std::size_t size, unsigned seed = 0) {
  Bytes bytes(2);
  store_be16(bytes.data(), static_cast<std::uint16_t>(size));
  const Bytes content = pattern(size, seed);
  bytes.insert(bytes.end(), content.begin(), content.end());
  return bytes;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

class BatchIoStreamsTest : public BothEngines {
 protected:
  void SetUp() override {
    BothEngines::SetUp();
    if (IsSkipped()) return;
    IoConfig config;
    config.net_slots = 8;
    config.max_frame_size = 20000;
    config.stream_backlog_limit = 3 * 1024 * 1024;
    io_ = make(std::move(config));
    connect();
  }

  /// A new TCP connection: stream_ in the event loop, peer_ on the other side.
  void connect() {
    TcpListenOptions options;
    options.local = Endpoint::from_text("127.0.0.1", 0);
    const UniqueFd listener = listen_tcp(options);
    TcpConnect connection = start_connect(local_endpoint(listener), {});
    ASSERT_FALSE(connection.error) << connection.error.message();
    peer_ = std::move(connection.socket);
    pollfd ready{.fd = listener.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 10000), 1);
    UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(accepted);
    stream_ = io_->add_stream(std::move(accepted));
  }

  /// The same with a Unix socket, whose buffers stay small.
  void connect_with_small_buffers() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_.reset(ends[0]);
    stream_ = io_->add_stream(UniqueFd(ends[1]));
  }

  void peer_sends(const Bytes& bytes) {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  Bytes peer_receives(std::size_t size) {
    Bytes bytes(size);
    std::size_t have = 0;
    while (have < size) {
      pollfd ready{.fd = peer_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 10000) != 1) break;
      const ssize_t got = ::recv(peer_.get(), bytes.data() + have, size - have, 0);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }

  /// The same of what is still being written.
  Bytes peer_reads(std::size_t size) {
    Bytes received;
    while (received.size() < size) {
      Bytes piece(65536);
      const ssize_t count = ::recv(peer_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (count == 0) break;
      if (count > 0) {
        received.insert(received.end(), piece.begin(), piece.begin() + count);
      } else {
        io_->wait(1ms);
      }
    }
    return received;
  }

  /// Frames until `size` bytes of them came or the stream ended.
  Bytes frames(std::size_t size) {
    Bytes received;
    while (received.size() < size && !closed_) {
      const Arrivals& arrivals = io_->wait(kPatience);
      if (arrivals.empty()) break;
      for (const StreamArrival& arrival : arrivals.streams) {
        EXPECT_EQ(arrival.stream, stream_);
        received.insert(received.end(), arrival.frames.begin(), arrival.frames.end());
      }
      for (const StreamClosed& end : arrivals.closed) closed_ = end.reason;
    }
    return received;
  }

  std::error_code end_reason() {
    while (!closed_) {
      const Arrivals& arrivals = io_->wait(kPatience);
      if (arrivals.empty()) break;
      for (const StreamClosed& end : arrivals.closed) closed_ = end.reason;
    }
    return closed_;
  }

  void writes(const Bytes& bytes) {
    for (std::size_t offset = 0; offset < bytes.size(); offset += kBufferSize) {
      const std::size_t size = std::min(kBufferSize, bytes.size() - offset);
      io_->write_stream(stream_, filled(std::span(bytes).subspan(offset, size)), size);
    }
    io_->flush();
  }

  std::unique_ptr<BatchIo> io_;
  StreamId stream_;
  UniqueFd peer_;
  std::error_code closed_;
};

TEST_P(BatchIoStreamsTest, HandsOutWholeFrames) {
  const Bytes sent = frame(1, 1) + frame(1500, 2) + frame(20000, 3);
  peer_sends(sent);
  EXPECT_EQ(frames(sent.size()), sent);
  EXPECT_EQ(io_->counters().stream_bytes_received, sent.size());
}

TEST_P(BatchIoStreamsTest, HoldsBackAFrameUntilItIsWhole) {
  const Bytes sent = frame(500);
  peer_sends({sent.begin(), sent.begin() + 1});
  EXPECT_TRUE(io_->wait(2ms).empty());
  peer_sends({sent.begin() + 1, sent.begin() + 300});
  EXPECT_TRUE(io_->wait(2ms).empty());
  peer_sends({sent.begin() + 300, sent.end()});
  EXPECT_EQ(frames(sent.size()), sent);
}

TEST_P(BatchIoStreamsTest, KeepsItsSlotsThroughManyPiecesWithoutAFrame) {
  const Bytes sent = frame(200);
  for (std::size_t i = 0; i + 1 < sent.size(); ++i) {
    peer_sends({sent[i]});
    ASSERT_TRUE(io_->wait(0ns).empty());
  }
  peer_sends({sent.back()});
  EXPECT_EQ(frames(sent.size()), sent);
}

TEST_P(BatchIoStreamsTest, JoinsFramesThatLieAcrossReceives) {
  Bytes sent;
  for (unsigned i = 0; i < 100; ++i) sent = sent + frame(1 + i * 199 % 20000, i);
  Bytes received;
  std::size_t offset = 0;
  while (received.size() < sent.size()) {
    const auto step = std::min<std::size_t>(100000, sent.size() - offset);
    const ssize_t count = step == 0 ? 0 : ::send(peer_.get(), sent.data() + offset, step, MSG_DONTWAIT);
    if (count > 0) offset += static_cast<std::size_t>(count);
    const Arrivals& arrivals = io_->wait(kPatience);
    ASSERT_FALSE(arrivals.empty());
    for (const StreamArrival& arrival : arrivals.streams) received = received + to_bytes(arrival.frames);
  }
  EXPECT_EQ(received, sent);
}

TEST_P(BatchIoStreamsTest, EndsAStreamThatTheOtherSideCloses) {
  peer_sends(frame(10));
  peer_.reset();
  EXPECT_EQ(frames(12), frame(10));
  EXPECT_EQ(end_reason(), StreamError::end_of_stream);
  EXPECT_EQ(io_->stream_backlog(stream_), 0u);
  EXPECT_EQ(io_->counters().streams_closed, 1u);
}

TEST_P(BatchIoStreamsTest, EndsAStreamThatIsReset) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  peer_.reset();
  EXPECT_EQ(end_reason(), std::errc::connection_reset);
}

TEST_P(BatchIoStreamsTest, EndsAStreamWithAnEmptyFrameAfterThoseBeforeIt) {
  peer_sends(frame(10) + Bytes(2) + frame(20));
  EXPECT_EQ(frames(34), frame(10));
  EXPECT_EQ(end_reason(), StreamError::bad_frame_length);
  EXPECT_EQ(io_->counters().stream_bad_frames, 1u);
  std::byte byte;
  pollfd ready{.fd = peer_.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 10000), 1);
  EXPECT_LE(::recv(peer_.get(), &byte, 1, 0), 0) << "the connection is closed, too";
}

TEST_P(BatchIoStreamsTest, EndsAStreamWithAFrameAboveTheLimit) {
  peer_sends(frame(20001));
  EXPECT_EQ(end_reason(), StreamError::bad_frame_length);
}

TEST_P(BatchIoStreamsTest, WritesFramesWithTheFlush) {
  io_->write_stream(stream_, filled(frame(100, 1) + frame(200, 2)), 304);
  EXPECT_EQ(io_->stream_backlog(stream_), 304u);
  io_->write_stream(stream_, filled(frame(50, 3)), 52);
  io_->flush();
  EXPECT_EQ(io_->stream_backlog(stream_), 0u);
  EXPECT_EQ(peer_receives(356), frame(100, 1) + frame(200, 2) + frame(50, 3));
  EXPECT_EQ(io_->counters().stream_bytes_sent, 356u);
}

TEST_P(BatchIoStreamsTest, GoesOnWritingWhenTheOtherSideReads) {
  connect_with_small_buffers();
  const Bytes sent = pattern(3'000'000, 5);
  writes(sent);
  EXPECT_GT(io_->stream_backlog(stream_), 0u);
  EXPECT_EQ(peer_reads(sent.size()), sent);
  EXPECT_EQ(io_->stream_backlog(stream_), 0u);
  EXPECT_EQ(pool_.available(), pool_.capacity());
}

TEST_P(BatchIoStreamsTest, LetsSmallFramesThatWaitShareBuffers) {
  connect_with_small_buffers();
  Bytes sent = pattern(500'000, 5);
  writes(sent);
  ASSERT_GT(io_->stream_backlog(stream_), 0u);
  for (unsigned i = 0; i < 1000; ++i) {
    writes(frame(100, i));
    sent = sent + frame(100, i);
  }
  EXPECT_LE(pool_.capacity() - pool_.available(), sent.size() / kBufferSize + 3);
  EXPECT_EQ(peer_reads(sent.size()), sent);
  EXPECT_EQ(pool_.available(), pool_.capacity());
}

TEST_P(BatchIoStreamsTest, RefusesWhatGoesBeyondTheBacklogLimit) {
  connect_with_small_buffers();
  for (int i = 0; i < 200; ++i) writes(pattern(kBufferSize));
  EXPECT_GT(io_->counters().stream_write_full, 0u);
  EXPECT_LE(io_->stream_backlog(stream_), 3u * 1024 * 1024);
  EXPECT_GT(io_->stream_backlog(stream_), 2u * 1024 * 1024);
}

TEST_P(BatchIoStreamsTest, ReportsAStreamThatBreaksWhileWriting) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  peer_.reset();
  writes(frame(100));
  writes(frame(100));
  EXPECT_TRUE(end_reason());
  EXPECT_EQ(pool_.available(), pool_.capacity());
}

TEST_P(BatchIoStreamsTest, ClosesAStreamWithoutReportingIt) {
  peer_sends(frame(10));
  io_->close_stream(stream_);
  EXPECT_TRUE(io_->wait(2ms).empty());
  std::byte byte;
  EXPECT_LE(::recv(peer_.get(), &byte, 1, 0), 0);
}

TEST_P(BatchIoStreamsTest, KeepsArrivalsOfAClosedStreamUntilTheNextWait) {
  const Bytes sent = frame(500);
  peer_sends({sent.begin(), sent.begin() + 100});
  EXPECT_TRUE(io_->wait(2ms).empty());
  peer_sends({sent.begin() + 100, sent.end()});
  const Arrivals& arrivals = io_->wait(kPatience);
  ASSERT_EQ(arrivals.streams.size(), 1u);
  io_->close_stream(stream_);
  EXPECT_EQ(to_bytes(arrivals.streams[0].frames), sent);
}

TEST_P(BatchIoStreamsTest, IgnoresIdsThatAreNoLongerValid) {
  const StreamId former = stream_;
  io_->close_stream(former);
  connect();
  EXPECT_NE(stream_, former) << "though it has the same place";
  io_->write_stream(former, filled(frame(10)), 12);
  io_->close_stream(former);
  io_->flush();
  EXPECT_EQ(io_->stream_backlog(former), 0u);
  writes(frame(20));
  EXPECT_EQ(peer_receives(22), frame(20));
}

TEST_P(BatchIoStreamsTest, ServesMoreStreamsThanItHasSlots) {
  std::vector<UniqueFd> peers;
  std::vector<StreamId> ids{stream_};
  peers.push_back(std::move(peer_));
  for (int i = 1; i < 20; ++i) {
    connect();
    peers.push_back(std::move(peer_));
    ids.push_back(stream_);
  }
  for (unsigned i = 0; i < 20; ++i) {
    const Bytes sent = frame(100, i);
    ASSERT_EQ(::send(peers[i].get(), sent.data(), sent.size(), 0), static_cast<ssize_t>(sent.size()));
  }
  std::size_t seen = 0;
  while (seen < 20) {
    const Arrivals& arrivals = io_->wait(kPatience);
    ASSERT_FALSE(arrivals.streams.empty());
    for (const StreamArrival& arrival : arrivals.streams) {
      const auto index = std::find(ids.begin(), ids.end(), arrival.stream) - ids.begin();
      EXPECT_EQ(to_bytes(arrival.frames), frame(100, static_cast<unsigned>(index)));
      ++seen;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, BatchIoStreamsTest, ::testing::Values(Engine::io_uring, Engine::epoll),
                         engine_name);

}  // namespace
}  // namespace vpnd::tunio::test
