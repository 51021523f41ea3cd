// Once warmed up, the data path allocates nothing. This program counts every operator new, so it stands
// alone.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/vpnd/dataplane/end.hpp"

namespace {

std::atomic<std::uint64_t> g_allocations{0};

void* counted(std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void* counted(std::size_t size, std::align_val_t alignment) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  const auto align = static_cast<std::size_t>(alignment);
  if (void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, alignment);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace vpnd::dataplane {
namespace {

// A BatchIo of fixed places: one tun read, and the runs that the other side sent.
class FixedIo final : public tunio::BatchIo {
 public:
  static constexpr std::size_t kRuns = 8;

  void tun_gives(const tunio::VirtioNetHeader& header, std::span<std::byte> packet) {
    tun_ = {header, packet};
  }
  // What was sent is what the other side finds at its next wait(), in the same buffers.
  void deliver_to(FixedIo& other, const tunio::Endpoint& source) {
    for (std::size_t i = 0; i < sent_; ++i) {
      other.udp_[i] = {source, runs_[i].buffer.bytes().first(runs_[i].size), runs_[i].segment_size};
    }
    other.arrived_ = sent_;
  }
  void recycle() {
    for (std::size_t i = 0; i < sent_; ++i) runs_[i].buffer.reset();
    sent_ = 0;
  }
  std::uint64_t tun_bytes() const { return tun_bytes_; }

  const tunio::Arrivals& wait(std::chrono::nanoseconds) override {
    arrivals_.tun = {&tun_, 1};
    arrivals_.udp = std::span(udp_).first(arrived_);
    arrived_ = 0;
    return arrivals_;
  }
  void write_tun(std::span<const tunio::TunWrite> writes) override {
    for (const auto& write : writes) {
      for (const iovec& part : write.parts) tun_bytes_ += part.iov_len;
    }
  }
  void send_udp(const tunio::Endpoint&, tunio::Buffer&& run, std::size_t size, std::size_t segment_size,
                tunio::DatagramHeader) override {
    runs_.at(sent_++) = {std::move(run), size, segment_size};
  }
  std::size_t udp_backlog() const override { return 0; }
  std::optional<tunio::UdpRefusal> take_udp_refusal() override { return std::nullopt; }
  tunio::StreamId add_stream(tunio::UniqueFd) override { return {}; }
  void close_stream(tunio::StreamId) override {}
  void write_stream(tunio::StreamId, tunio::Buffer&&, std::size_t) override {}
  std::size_t stream_backlog(tunio::StreamId) const override { return 0; }
  void flush() override {}
  void replace_tun(tunio::UniqueFd) override {}
  void replace_udp(tunio::UniqueFd) override {}
  void wake() noexcept override {}
  const tunio::IoCounters& counters() const override { return counters_; }
  std::string description() const override { return "fixed"; }

 private:
  struct Run {
    tunio::Buffer buffer;
    std::size_t size = 0;
    std::size_t segment_size = 0;
  };
  tunio::TunArrival tun_;
  std::array<tunio::UdpArrival, kRuns> udp_;
  std::size_t arrived_ = 0;
  std::array<Run, kRuns> runs_;
  std::size_t sent_ = 0;
  tunio::Arrivals arrivals_;
  tunio::IoCounters counters_;
  std::uint64_t tun_bytes_ = 0;
};

// A client and a server that send each other a super-packet in every turn.
class SteadyTraffic : public testing::TestWithParam<std::optional<BatchSettings>> {
 protected:
  SteadyTraffic()
      : client(client_io, {.role = crypto::Role::client}), server(server_io, {.role = crypto::Role::server}) {
    PeerSettings settings;
    settings.batch = GetParam();
    client.add_key(client.add_peer(0, {at, std::nullopt}, settings), proto::KeyId{0}, proto::PeerId{1});
    server.add_key(server.add_peer(1, {at, std::nullopt}, settings), proto::KeyId{0}, proto::PeerId{1});
    routing::RouteTableBuilder routes;
    routes.add(tunio::Prefix::parse("10.8.0.0/24").value(), PeerIndex{1});
    server.set_routes(routes.build());
  }
  void turn() {
    client_io.tun_gives(up.header, up.packet);
    server_io.tun_gives(down.header, down.packet);
    client.turn();
    client_io.deliver_to(server_io, at);
    server.turn();
    client_io.recycle();
    server_io.deliver_to(client_io, at);
    client_turn_for_arrivals();
  }
  // The runs of the server stay in their buffers until the client, in its next turn, has opened them.
  void client_turn_for_arrivals() {
    client.turn();
    client_io.recycle();
    server_io.recycle();
  }

  const tunio::Endpoint at = test::endpoint("192.0.2.1", 1194);
  test::SuperPacket up = test::tcp_super_packet(60000, 1400);
  test::SuperPacket down = test::tcp_super_packet(60000, 1360);
  FixedIo client_io, server_io;
  test::End client, server;
};

// Stock packets, and records of the batch channel.
INSTANTIATE_TEST_SUITE_P(Formats, SteadyTraffic, testing::Values(std::nullopt, BatchSettings{1448}));

TEST_P(SteadyTraffic, AllocatesNothing) {
  constexpr int kTurns = 1000;
  for (int i = 0; i < 3; ++i) turn();
  client.recorder.events.clear();
  server.recorder.events.clear();

  const auto bytes_before = server_io.tun_bytes() + client_io.tun_bytes();
  const auto before = g_allocations.load();
  for (int i = 0; i < kTurns; ++i) turn();
  EXPECT_EQ(g_allocations.load() - before, 0U);

  const auto bytes = server_io.tun_bytes() + client_io.tun_bytes() - bytes_before;
  EXPECT_EQ(bytes, kTurns * (up.packet.size() + down.packet.size()));
  EXPECT_EQ(client.dropped() + server.dropped(), 0U);
}

TEST_P(SteadyTraffic, CountsAllocationsAtAll) {
  const auto before = g_allocations.load();
  const auto number = std::make_unique<int>(1);
  EXPECT_EQ(g_allocations.load() - before, 1U) << *number;
}

}  // namespace
}  // namespace vpnd::dataplane
