// What both engines do with tun, with waking and waiting. UDP, streams and real devices have files of their
// own.

#include <array>
#include <thread>

#include "io_fixture.hpp"

namespace vpnd::tunio::test {
namespace {

using namespace std::chrono_literals;

class BatchIoTest : public BothEngines {
 protected:
  void SetUp() override {
    BothEngines::SetUp();
    if (IsSkipped()) return;
    IoConfig config;
    config.tun = std::move(tun_.device);
    config.tun_slots = 16;
    io_ = make(std::move(config));
  }

  /// Waits until `count` packets came; a copy of each, in order.
  std::vector<FakeTun::Taken> read_packets(std::size_t count) {
    std::vector<FakeTun::Taken> packets;
    while (packets.size() < count) {
      const Arrivals& arrivals = io_->wait(kPatience);
      if (arrivals.tun.empty()) break;
      for (const TunArrival& arrival : arrivals.tun)
        packets.push_back({arrival.header, to_bytes(arrival.packet)});
    }
    return packets;
  }

  void write_packet(const VirtioNetHeader& header, std::vector<Bytes> pieces) {
    std::vector<iovec> parts;
    for (Bytes& piece : pieces) parts.push_back({piece.data(), piece.size()});
    const TunWrite write{header, parts};
    io_->write_tun({&write, 1});
    io_->flush();
  }

  FakeTun tun_;
  std::unique_ptr<BatchIo> io_;
};

TEST_P(BatchIoTest, ReturnsEmptyWhenNothingComesInTime) {
  EXPECT_TRUE(io_->wait(0ns).empty());
  EXPECT_TRUE(io_->wait(1ms).empty());
}

TEST_P(BatchIoTest, DoesNotReturnBeforeTheTimeIsOver) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(io_->wait(3ms).empty());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);
}

TEST_P(BatchIoTest, IsWokenFromAnotherThread) {
  std::thread other([&] { io_->wake(); });
  EXPECT_TRUE(io_->wait(std::chrono::nanoseconds::max()).woken);
  other.join();
}

TEST_P(BatchIoTest, TakesATimeBeyondAllClocksAsNoLimit) {
  io_->wake();
  EXPECT_TRUE(io_->wait(std::chrono::nanoseconds::max() - 1ns).woken);
}

TEST_P(BatchIoTest, TakesSeveralWakesBeforeAWaitAsOne) {
  for (int i = 0; i < 3; ++i) io_->wake();
  EXPECT_TRUE(io_->wait(kPatience).woken);
  EXPECT_TRUE(io_->wait(0ns).empty());
  io_->wake();
  EXPECT_TRUE(io_->wait(kPatience).woken);
}

TEST_P(BatchIoTest, HandsOutAPacketWithItsHeader) {
  const VirtioNetHeader header = {.flags = kVirtioNeedsChecksum,
                                  .gso_type = kVirtioGsoTcpV4,
                                  .hdr_len = 52,
                                  .gso_size = 1448,
                                  .csum_start = 20,
                                  .csum_offset = 16};
  const Bytes packet = pattern(65535);
  tun_.gives(header, packet);
  const Arrivals& arrivals = io_->wait(kPatience);
  ASSERT_EQ(arrivals.tun.size(), 1u);
  EXPECT_EQ(arrivals.tun[0].header, header);
  EXPECT_EQ(to_bytes(arrivals.tun[0].packet), packet);
  EXPECT_EQ(io_->counters().tun_reads, 1u);
  EXPECT_EQ(io_->counters().tun_read_bytes, 65535u);
}

TEST_P(BatchIoTest, HandsOutWhatPiledUpInOrderAndInFewTurns) {
  for (unsigned i = 0; i < 12; ++i) tun_.gives({}, pattern(100 + i, i));
  const auto packets = read_packets(12);
  ASSERT_EQ(packets.size(), 12u);
  for (unsigned i = 0; i < 12; ++i) EXPECT_EQ(packets[i].packet, pattern(100 + i, i)) << i;
  EXPECT_LT(io_->counters().waits, 6u);
}

// ---- turns ----

class SmallTurnIoTest : public BothEngines {
 protected:
  static constexpr std::size_t kPerTurn = 4;

  void SetUp() override {
    BothEngines::SetUp();
    if (IsSkipped()) return;
    IoConfig config;
    config.tun = std::move(tun_.device);
    config.tun_slots = 16;
    config.turn_bytes = kPerTurn * kSize;
    io_ = make(std::move(config));
  }

  std::size_t give_and_wait(unsigned count) {
    for (unsigned i = 0; i < count; ++i) tun_.gives({}, pattern(kSize, i));
    return io_->wait(kPatience).tun.size();
  }

  static constexpr std::size_t kSize = 1000;
  FakeTun tun_;
  std::unique_ptr<BatchIo> io_;
};

TEST_P(SmallTurnIoTest, TakesNoMoreThanFillsATurnOnceItKnowsHowLargePacketsAre) {
  EXPECT_EQ(give_and_wait(16), 16u);
  std::size_t taken = give_and_wait(16);
  EXPECT_EQ(taken, kPerTurn);
  while (taken < 16) {
    const std::size_t more = io_->wait(kPatience).tun.size();
    ASSERT_GT(more, 0u);
    EXPECT_LE(more, kPerTurn);
    taken += more;
  }
  EXPECT_EQ(taken, 16u);
}

INSTANTIATE_TEST_SUITE_P(, SmallTurnIoTest, ::testing::Values(Engine::io_uring, Engine::epoll), engine_name);

// ---- hold ----

class HoldingIoTest : public BothEngines {
 protected:
  void SetUp() override {
    BothEngines::SetUp();
    if (IsSkipped()) return;
    IoConfig config;
    config.tun = std::move(tun_.device);
    config.tun_slots = 4;
    config.hold = 50us;
    config.pause = [this](std::chrono::microseconds time) {
      EXPECT_EQ(time, 50us);
      ++pauses_;
      for (unsigned i = 0; i < come_meanwhile_; ++i) tun_.gives({}, pattern(100, 1 + i));
    };
    io_ = make(std::move(config));
  }

  FakeTun tun_;
  std::unique_ptr<BatchIo> io_;
  unsigned come_meanwhile_ = 0;
  int pauses_ = 0;
};

TEST_P(HoldingIoTest, TakesWhatComesWhileItWaitsAfterTheFirstPacket) {
  come_meanwhile_ = 2;
  tun_.gives({}, pattern(100, 0));
  const Arrivals& arrivals = io_->wait(kPatience);
  EXPECT_EQ(pauses_, 1);
  ASSERT_EQ(arrivals.tun.size(), 3u);
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(to_bytes(arrivals.tun[i].packet), pattern(100, i)) << i;
}

TEST_P(HoldingIoTest, LeavesForTheNextTurnWhatItHasNoSlotsFor) {
  come_meanwhile_ = 9;  // 4 slots
  tun_.gives({}, pattern(100, 0));
  unsigned taken = 0;
  while (taken < 10) {
    const Arrivals& arrivals = io_->wait(kPatience);
    ASSERT_FALSE(arrivals.tun.empty());
    for (const TunArrival& arrival : arrivals.tun) EXPECT_EQ(to_bytes(arrival.packet), pattern(100, taken++));
    come_meanwhile_ = 0;
  }
}

TEST_P(HoldingIoTest, DoesNotWaitForAWakeOrForNothing) {
  EXPECT_TRUE(io_->wait(0ns).empty());
  io_->wake();
  EXPECT_TRUE(io_->wait(kPatience).woken);
  EXPECT_EQ(pauses_, 0);
}

INSTANTIATE_TEST_SUITE_P(, HoldingIoTest, ::testing::Values(Engine::io_uring, Engine::epoll), engine_name);

TEST_P(BatchIoTest, GoesOnAfterMorePacketsThanItHasSlots) {
  constexpr unsigned kCount = 60;  // 16 slots
  for (unsigned i = 0; i < kCount; ++i) tun_.gives({}, pattern(1000, i));
  const auto packets = read_packets(kCount);
  ASSERT_EQ(packets.size(), kCount);
  for (unsigned i = 0; i < kCount; ++i) EXPECT_EQ(packets[i].packet, pattern(1000, i)) << i;
}

TEST_P(BatchIoTest, CountsAReadWithoutPacketAndGoesOn) {
  const Bytes only_header(kVirtioNetHeaderSize);
  for (int i = 0; i < 40; ++i) {  // more than there are slots: none may get lost
    ASSERT_GT(::send(tun_.kernel_side.get(), only_header.data(), only_header.size(), 0), 0);
  }
  tun_.gives({}, pattern(60));
  EXPECT_EQ(read_packets(1).size(), 1u);
  EXPECT_EQ(io_->counters().tun_read_malformed, 40u);
}

TEST_P(BatchIoTest, WritesAPacketThatLiesInPieces) {
  const VirtioNetHeader header = {
      .flags = kVirtioNeedsChecksum, .gso_type = kVirtioGsoNone, .csum_start = 20, .csum_offset = 6};
  write_packet(header, {pattern(20, 1), pattern(8, 2), pattern(1400, 3)});
  const auto taken = tun_.takes();
  EXPECT_EQ(taken.header, header);
  Bytes whole = pattern(20, 1);
  for (const Bytes& piece : {pattern(8, 2), pattern(1400, 3)})
    whole.insert(whole.end(), piece.begin(), piece.end());
  EXPECT_EQ(taken.packet, whole);
  EXPECT_EQ(io_->counters().tun_writes, 1u);
  EXPECT_EQ(io_->counters().tun_write_bytes, 1428u);
}

TEST_P(BatchIoTest, WritesWhatLiesInArrivals) {
  for (unsigned round = 0; round < 40; ++round) {
    for (unsigned i = 0; i < 5; ++i) tun_.gives({}, pattern(500, round * 5 + i));
    std::size_t echoed = 0;
    while (echoed < 5) {
      const Arrivals& arrivals = io_->wait(kPatience);
      ASSERT_FALSE(arrivals.tun.empty());
      std::vector<iovec> parts;
      std::vector<TunWrite> writes;
      for (const TunArrival& arrival : arrivals.tun)
        parts.push_back({arrival.packet.data(), arrival.packet.size()});
      for (const iovec& part : parts) writes.push_back({{}, {&part, 1}});
      io_->write_tun(writes);
      io_->flush();
      echoed += arrivals.tun.size();
    }
    for (unsigned i = 0; i < 5; ++i) ASSERT_EQ(tun_.takes().packet, pattern(500, round * 5 + i)) << round;
  }
}

TEST_P(BatchIoTest, WritesMorePacketsInATurnThanItQueues) {
  Bytes packet = pattern(50);
  const iovec part{packet.data(), packet.size()};
  const std::vector<TunWrite> writes(30, TunWrite{{}, {&part, 1}});
  for (int i = 0; i < 20; ++i) {
    io_->write_tun(writes);
    io_->flush();
    for (int taken = 0; taken < 30; ++taken) ASSERT_EQ(tun_.takes().packet, packet);
  }
  EXPECT_EQ(io_->counters().tun_writes, 600u);
}

TEST_P(BatchIoTest, FlushesWithTheNextWaitWhatWasNotFlushed) {
  Bytes packet = pattern(50);
  const iovec part{packet.data(), packet.size()};
  const TunWrite write{{}, {&part, 1}};
  io_->write_tun({&write, 1});
  io_->wait(0ns);
  EXPECT_EQ(tun_.takes().packet, packet);
}

TEST_P(BatchIoTest, DropsAndCountsWhatAFullDeviceDoesNotTake) {
  Bytes packet = pattern(1000);
  const iovec part{packet.data(), packet.size()};
  const std::vector<TunWrite> writes(1000, TunWrite{{}, {&part, 1}});
  io_->write_tun(writes);  // nobody reads the other end: some hundred fit
  io_->flush();
  EXPECT_GT(io_->counters().tun_write_full, 0u);
  EXPECT_EQ(io_->counters().tun_writes + io_->counters().tun_write_full, 1000u);
}

TEST_P(BatchIoTest, RefusesAWriteOfTooManyPieces) {
  std::byte byte{};
  const std::vector<iovec> parts(kMaxWriteParts + 1, iovec{&byte, 1});
  const TunWrite write{{}, parts};
  io_->write_tun({&write, 1});
  io_->flush();
  EXPECT_EQ(io_->counters().tun_write_errors, 1u);
}

TEST_P(BatchIoTest, ReportsOnceThatTheDeviceVanished) {
  tun_.kernel_side.reset();
  EXPECT_EQ(io_->wait(kPatience).tun_failure, std::errc::no_such_device);
  EXPECT_TRUE(io_->wait(1ms).empty());
  write_packet({}, {pattern(20)});
  EXPECT_EQ(io_->counters().tun_write_errors, 1u);
}

TEST_P(BatchIoTest, ExchangesTheDevice) {
  tun_.gives({}, pattern(60, 1));
  EXPECT_EQ(read_packets(1).size(), 1u);
  FakeTun second;
  io_->replace_tun(std::move(second.device));
  std::byte byte;
  EXPECT_EQ(::recv(tun_.kernel_side.get(), &byte, 1, 0), 0)
      << "the old device is closed when replace_tun returns";
  second.gives({}, pattern(60, 2));
  const auto packets = read_packets(1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].packet, pattern(60, 2));
  write_packet({}, {pattern(20, 3)});
  EXPECT_EQ(second.takes().packet, pattern(20, 3));
}

TEST_P(BatchIoTest, RunsWithoutADeviceAndGetsOneLater) {
  io_->replace_tun(UniqueFd{});
  EXPECT_TRUE(io_->wait(0ns).empty());
  write_packet({}, {pattern(20)});
  EXPECT_EQ(io_->counters().tun_write_errors, 1u);
  FakeTun second;
  io_->replace_tun(std::move(second.device));
  second.gives({}, pattern(60));
  EXPECT_EQ(read_packets(1).size(), 1u);
}

TEST_P(BatchIoTest, MayBeMadeByOneThreadAndUsedByAnother) {
  tun_.gives({}, pattern(60));
  std::size_t packets = 0;
  std::thread([&] {
    packets = io_->wait(kPatience).tun.size();
    io_.reset();
  }).join();
  EXPECT_EQ(packets, 1u);
}

TEST_P(BatchIoTest, SaysWhichEngineItIs) {
  EXPECT_EQ(io_->description(), GetParam() == Engine::io_uring ? "io_uring" : "epoll");
}

INSTANTIATE_TEST_SUITE_P(, BatchIoTest, ::testing::Values(Engine::io_uring, Engine::epoll), engine_name);

class SingleTunReadsTest : public BothEngines {};

TEST_P(SingleTunReadsTest, ReadTheSameWithMultishotSwitchedOff) {
  FakeTun tun;
  IoConfig config;
  config.tun = std::move(tun.device);
  config.tun_multishot = Offload::off;
  const auto io = make(std::move(config));
  for (unsigned i = 0; i < 20; ++i) tun.gives({}, pattern(300, i));
  std::size_t seen = 0;
  while (seen < 20) {
    const Arrivals& arrivals = io->wait(kPatience);
    ASSERT_FALSE(arrivals.tun.empty());
    for (const TunArrival& arrival : arrivals.tun) {
      EXPECT_EQ(to_bytes(arrival.packet), pattern(300, static_cast<unsigned>(seen++)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, SingleTunReadsTest, ::testing::Values(Engine::io_uring, Engine::epoll),
                         engine_name);

TEST(MakeBatchIo, FallsBackToEpollOnlyWhereIoUringIsMissing) {
  std::string why;
  const auto io = make_batch_io({}, why);
  const IoCapabilities capabilities = probe_uring();
  const Capability* const missing = capabilities.missing_for_uring();
  EXPECT_EQ(io->description(), missing ? "epoll" : "io_uring");
  EXPECT_NE(why.find(missing ? missing->reason : "io_uring"), std::string::npos) << why;
}

TEST(MakeBatchIo, ObeysAConfiguredEngine) {
  std::string why;
  IoConfig config;
  config.engine = Engine::epoll;
  EXPECT_EQ(make_batch_io(std::move(config), why)->description(), "epoll");
  EXPECT_EQ(why, "epoll, as configured");
}

}  // namespace
}  // namespace vpnd::tunio::test
