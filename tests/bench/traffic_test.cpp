// The counting of the packet generator, without any socket.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "bench/traffic/generator.hpp"
#include "bench/traffic/latencies.hpp"
#include "bench/traffic/pacer.hpp"
#include "bench/traffic/sockets.hpp"
#include "bench/traffic/stamp.hpp"
#include "bench/traffic/tally.hpp"

namespace vpnd::bench {
namespace {

using namespace std::chrono_literals;

Tally tally_of(std::initializer_list<std::uint64_t> arrivals) {
  Tally tally;
  for (const std::uint64_t sequence : arrivals) tally.add(sequence, 100);
  return tally;
}

TEST(Tally, CountsAnUndisturbedRun) {
  const Tally tally = tally_of({0, 1, 2, 3});
  EXPECT_EQ(tally.packets(), 4u);
  EXPECT_EQ(tally.bytes(), 400u);
  EXPECT_EQ(tally.missing() + tally.duplicates() + tally.reordered() + tally.strays(), 0u);
}

TEST(Tally, AGapIsMissingUntilItIsFilled) {
  EXPECT_EQ(tally_of({0, 3}).missing(), 2u);
  const Tally filled = tally_of({0, 3, 1, 2});
  EXPECT_EQ(filled.missing(), 0u);
  EXPECT_EQ(filled.reordered(), 2u);
}

TEST(Tally, PacketsLostBeforeTheFirstArrivalAreMissingToo) {
  EXPECT_EQ(tally_of({5}).missing(), 5u);
}

TEST(Tally, ADuplicateIsNeitherAPacketNorReordered) {
  const Tally tally = tally_of({0, 1, 1, 0});
  EXPECT_EQ(tally.packets(), 2u);
  EXPECT_EQ(tally.bytes(), 200u);
  EXPECT_EQ(tally.duplicates(), 2u);
  EXPECT_EQ(tally.reordered(), 0u);
}

TEST(Tally, AWildSequenceNumberIsAStray) {
  const Tally tally = tally_of({0, Tally::kMostPackets, ~std::uint64_t{0}});
  EXPECT_EQ(tally.packets(), 1u);
  EXPECT_EQ(tally.strays(), 2u);
  EXPECT_EQ(tally.missing(), 0u);
}

TEST(Tally, AgreesWithASetOnADisturbedRun) {
  std::mt19937 dice(1);
  std::vector<std::uint64_t> arrivals;
  for (std::uint64_t sequence = 0; sequence < 200'000; ++sequence) {
    for (auto copies = dice() % 4 == 0 ? dice() % 3 : 1; copies > 0; --copies) arrivals.push_back(sequence);
  }
  for (std::size_t i = 0; i + 8 < arrivals.size(); i += 8) std::swap(arrivals[i], arrivals[i + dice() % 8]);
  Tally tally;
  for (const std::uint64_t sequence : arrivals) tally.add(sequence, 1);
  const std::set<std::uint64_t> different(arrivals.begin(), arrivals.end());
  EXPECT_EQ(tally.packets(), different.size());
  EXPECT_EQ(tally.duplicates(), arrivals.size() - different.size());
  EXPECT_EQ(tally.missing(), *different.rbegin() + 1 - different.size());
}

TEST(Latencies, PercentilesAreNearestRanksInAnyOrderOfArrival) {
  std::vector<int> samples(1000);
  std::iota(samples.begin(), samples.end(), 1);
  std::ranges::shuffle(samples, std::mt19937(1));
  Latencies latencies;
  for (const int sample : samples) latencies.add(std::chrono::microseconds(sample));
  const struct {
    double percent;
    std::chrono::microseconds expected;
  } cases[] = {{0, 1us}, {50, 500us}, {99, 990us}, {99.9, 999us}, {100, 1000us}};
  for (const auto& [percent, expected] : cases) EXPECT_EQ(latencies.percentile(percent), expected) << percent;
}

TEST(Latencies, OneSampleIsEveryPercentile) {
  Latencies latencies;
  latencies.add(7us);
  for (const double percent : {0.0, 50.0, 100.0}) EXPECT_EQ(latencies.percentile(percent), 7us);
}

TEST(Latencies, HistogramBinsEndAtPowersOfTwo) {
  Latencies latencies;
  for (const Latencies::Duration sample : {Latencies::Duration(500ns), Latencies::Duration(1us),
                                           Latencies::Duration(1001ns), Latencies::Duration(8us)})
    latencies.add(sample);
  EXPECT_THAT(latencies.histogram(), testing::ElementsAre(2, 1, 0, 1));
}

TEST(Pacer, KeepsTheRateHoweverOftenItIsAsked) {
  for (const auto step : {7us, 50us, 200us}) {
    const Pacer::Clock::time_point start{};
    Pacer pacer(33'333, start);
    std::uint64_t taken = 0;
    for (auto now = start; now <= start + 1s; now += step) taken += pacer.take(now);
    EXPECT_NEAR(static_cast<double>(taken), 33'333, 10) << step.count() << " µs";
  }
}

TEST(Pacer, DoesNotMakeUpForALongPause) {
  Pacer pacer(1e6, {});
  EXPECT_EQ(pacer.take(Pacer::Clock::time_point{} + 1s), 1000u);  // five ticks of 200 µs
}

TEST(Pacer, ALowRateStillSends) {
  Pacer pacer(10, {});
  EXPECT_EQ(pacer.take(Pacer::Clock::time_point{} + 99ms), 0u);
  EXPECT_EQ(pacer.take(Pacer::Clock::time_point{} + 101ms), 1u);
}

TEST(Stamp, IsReadAsItWasWritten) {
  std::array<std::byte, Stamp::kSize> packet{};
  Stamp{.run = 0x01020304, .sequence = 0x1112131415161718}.write(packet);
  const auto stamp = Stamp::read(packet);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->run, 0x01020304u);
  EXPECT_EQ(stamp->sequence, 0x1112131415161718u);
}

TEST(Stamp, IsNotReadFromAShortPacket) {
  const std::array<std::byte, Stamp::kSize - 1> packet{};
  EXPECT_FALSE(Stamp::read(packet));
}

TEST(Sizes, ImixIsSevenToFourToOne) {
  const auto sizes = parse_sizes("imix");
  EXPECT_EQ(std::ranges::count(sizes, 18u), 7);
  EXPECT_EQ(std::ranges::count(sizes, 548u), 4);
  EXPECT_EQ(std::ranges::count(sizes, 1372u), 1);
}

TEST(Sizes, OnlySizesThatFitAreTaken) {
  EXPECT_THAT(parse_sizes("18"), testing::ElementsAre(18));
  for (const char* wrong : {"", "11", "9001", "18x", "-1", "mix"}) {
    EXPECT_THROW(parse_sizes(wrong), std::invalid_argument) << wrong;
  }
}

TEST(Endpoint, ReadsBothFamiliesAndNothingElse) {
  EXPECT_EQ(Endpoint::parse("192.0.2.1:5000").storage.ss_family, AF_INET);
  EXPECT_EQ(Endpoint::parse("[fd00::1]:5000").storage.ss_family, AF_INET6);
  for (const char* wrong :
       {"", "192.0.2.1", "192.0.2.1:", "192.0.2.1:70000", "fd00::1:5000", "[fd00::1]", "host:1"}) {
    EXPECT_THROW(Endpoint::parse(wrong), std::invalid_argument) << wrong;
  }
}

}  // namespace
}  // namespace vpnd::bench
