#include "proto/path_mtu.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

namespace vpnd::proto {
namespace {

using namespace std::chrono_literals;
using Duration = Clock::duration;

constexpr std::size_t kMax = 1472;  // 1500 over IPv4

// A sender, its path and a peer that answers. Lives in the time the test gives it.
class Path {
 public:
  explicit Path(std::size_t passing, PathMtu::Settings settings = {.max_size = kMax})
      : width(passing), mtu(settings, now) {}

  // Bulk: a full record every 10 ms, and the peer answers what arrives, as an inner TCP does.
  void run(Duration duration) {
    const TimePoint end = now + duration;
    while (now < end) {
      const TimePoint record = bulk ? next_record_ : TimePoint::max();
      step(std::min({end, mtu.deadline(), next_arrival(), record}));
    }
  }

  void step(TimePoint to) {
    now = std::max(now, to);
    if (bulk && now >= next_record_) {
      next_record_ = now + 10ms;
      const std::size_t size = mtu.size();
      mtu.sent(size, now);
      if (size > socket_limit) {
        mtu.too_big(size, now);
      } else if (passes(size)) {
        ++delivered;
        if (answers) arrivals_.emplace(now + delay, std::nullopt);
      }
    }
    while (!arrivals_.empty() && arrivals_.begin()->first <= now) {
      const auto ack = arrivals_.begin()->second;
      arrivals_.erase(arrivals_.begin());
      if (ack) mtu.acknowledged(ack->id, ack->size, now);
      if (!ack) mtu.received();
    }
    while (const auto probe = mtu.poll(now)) {
      ++probes;
      ASSERT_LE(probe->size, kLargest);
      ASSERT_LT(probes, 100'000) << "a loop without end";
      if (probe->size > socket_limit) {
        mtu.too_big(probe->size, now);
      } else if (passes(probe->size) && !lost()) {
        arrivals_.emplace(now + delay, *probe);
      }
    }
  }

  static constexpr std::size_t kLargest = 9000;
  TimePoint now{1h};
  std::size_t width;                    // larger datagrams vanish
  std::size_t socket_limit = kLargest;  // larger ones are refused by the own socket
  double loss = 0;
  Duration delay = 20ms;
  bool bulk = true;
  bool answers = true;
  PathMtu mtu;
  int probes = 0;
  int delivered = 0;

 private:
  bool lost() { return std::uniform_real_distribution<>(0, 1)(random_) < loss; }
  bool passes(std::size_t size) { return size <= width && !lost(); }
  TimePoint next_arrival() const { return arrivals_.empty() ? TimePoint::max() : arrivals_.begin()->first; }

  std::mt19937 random_{1};
  TimePoint next_record_ = now;
  std::multimap<TimePoint, std::optional<PathMtu::Probe>> arrivals_;
};

TEST(PathMtu, BeginsWithTheBaseSizeAndIsAtTheLargestAfterTwoRoundTrips) {
  Path path(kMax);
  EXPECT_EQ(path.mtu.size(), 1200U);
  path.run(41ms);
  EXPECT_EQ(path.mtu.size(), kMax);
  EXPECT_EQ(path.mtu.state(), PathMtu::State::complete);
  EXPECT_EQ(path.probes, 2);
}

TEST(PathMtu, FindsTheSizeOfANarrowPathFromTheStart) {
  const struct {
    std::size_t width, found;
  } paths[] = {{1464, 1464}, {1448, 1448}, {1440, 1432}, {1392, 1392},
               {1300, 1292}, {1252, 1252}, {1200, 1200}};
  for (const auto& [width, found] : paths) {
    Path path(width);
    path.run(10s);
    EXPECT_EQ(path.mtu.size(), found) << "of " << width;
    EXPECT_EQ(path.mtu.state(), PathMtu::State::complete);
  }
}

TEST(PathMtu, GoesBelowTheBaseSizeWhereItMust) {
  for (const std::size_t width : {1199U, 1000U, 978U, 600U, 548U}) {
    Path path(width);
    path.run(30s);
    EXPECT_LE(path.mtu.size(), width);
    EXPECT_GE(path.mtu.size(), width >= 978 ? 978U : 548U);
    const int before = path.delivered;
    path.run(1s);
    EXPECT_GT(path.delivered, before + 90) << width;
  }
}

TEST(PathMtu, FindsJumboFrames) {
  for (const std::size_t width : {8972U, 7000U, 4324U, 1472U}) {
    Path path(width, {.max_size = 8972});
    path.run(60s);
    EXPECT_LE(path.mtu.size(), width);
    EXPECT_GE(path.mtu.size() + 128, width) << width;
  }
}

TEST(PathMtu, RespectsALinkMtuBelowTheBaseSize) {
  Path path(1000, {.max_size = 1000});
  EXPECT_EQ(path.mtu.size(), 1000U);
  path.run(10s);
  EXPECT_EQ(path.mtu.size(), 1000U);
  EXPECT_EQ(path.mtu.state(), PathMtu::State::complete);
}

TEST(PathMtu, NoticesThatThePathHasBecomeNarrower) {
  for (const bool answers : {true, false}) {  // inner TCP, and a stream of UDP that nobody answers
    Path path(kMax);
    path.answers = answers;
    path.run(60s);
    ASSERT_EQ(path.mtu.size(), kMax);
    path.width = 1392;
    path.run(9s);
    EXPECT_LE(path.mtu.size(), 1392U);
    path.run(10s);
    EXPECT_EQ(path.mtu.size(), 1392U);
    EXPECT_EQ(path.mtu.state(), PathMtu::State::complete);
  }
}

// Something comes back all the time, though nothing large arrives: silence alone would not notice.
TEST(PathMtu, NoticesABlackHoleBesideOtherTraffic) {
  Path path(kMax);
  path.run(10s);
  path.width = 1300;
  for (int i = 0; i < 1000; ++i) {
    path.run(10ms);
    path.mtu.received();
  }
  EXPECT_LE(path.mtu.size(), 1300U);
}

TEST(PathMtu, NoticesThatThePathHasBecomeWiderWithinTheRaiseTimer) {
  Path path(1392);
  path.run(20s);
  ASSERT_EQ(path.mtu.size(), 1392U);
  path.width = kMax;
  path.run(PathMtu::kRaiseTimer);
  EXPECT_EQ(path.mtu.size(), kMax);
}

TEST(PathMtu, StaysAtItsSizeWhenOneInTenIsLost) {
  Path path(kMax);
  path.loss = 0.1;
  path.run(60s);
  Duration small{};
  for (int i = 0; i < 3600; ++i) {
    path.run(1s);
    if (path.mtu.size() < kMax) small += 1s;
  }
  EXPECT_LT(small, 60s) << "of an hour";
}

// Only the way there counts: the peer's probes are its own, and acknowledgements are small.
TEST(PathMtu, DoesNotMindANarrowWayBack) {
  Path there(kMax), back(1300);
  there.run(20s);
  back.run(20s);
  EXPECT_EQ(there.mtu.size(), kMax);
  EXPECT_EQ(back.mtu.size(), 1292U);
}

TEST(PathMtu, RecoversFromAnOutageAtOnce) {
  Path path(kMax);
  path.run(10s);
  path.width = 0;
  path.run(5min);
  EXPECT_EQ(path.mtu.state(), PathMtu::State::error);
  path.width = kMax;
  path.run(PathMtu::kErrorInterval + PathMtu::kProbeTimer * PathMtu::kMaxProbes + 100ms);
  EXPECT_EQ(path.mtu.size(), kMax) << "an outage has nothing to do with sizes";
}

TEST(PathMtu, LeavesAnIdlePeerAlone) {
  Path path(kMax);
  path.run(10s);
  path.bulk = false;
  path.run(1s);
  const int before = path.probes;
  path.run(1h);
  EXPECT_EQ(path.probes, before) << "at its largest size there is nothing to find out";

  Path unreachable(0);
  unreachable.bulk = false;
  unreachable.run(1h);
  EXPECT_EQ(unreachable.probes, 2 * PathMtu::kMaxProbes) << "base and smallest size";
  EXPECT_EQ(unreachable.mtu.deadline(), TimePoint::max());
}

TEST(PathMtu, ConfirmsAUsedSizeWithAFewProbesOnly) {
  Path path(kMax);
  path.run(10s);
  const int before = path.probes;
  path.run(1min);
  EXPECT_GE(path.probes - before, 11);
  EXPECT_LE(path.probes - before, 13);
}

TEST(PathMtu, BelievesItsOwnSocketAtOnce) {
  Path path(kMax);
  path.socket_limit = 1452;
  path.run(500ms);
  EXPECT_EQ(path.mtu.size(), 1452U) << "no probe timer ran out";
  path.socket_limit = 1300;
  path.run(500ms);
  EXPECT_EQ(path.mtu.size(), 1292U);
  path.socket_limit = 600;
  path.run(500ms);
  EXPECT_EQ(path.mtu.size(), 548U);
  path.socket_limit = 100;
  path.run(1min);
  EXPECT_LT(path.probes, 100) << "where nothing passes it does not try without pause";
}

TEST(PathMtu, StartsAnewOnAnotherPath) {
  Path path(1392);
  path.run(20s);
  path.width = kMax;
  path.mtu.path_changed(path.now);
  EXPECT_EQ(path.mtu.size(), 1200U);
  path.run(100ms);
  EXPECT_EQ(path.mtu.size(), kMax);
}

TEST(PathMtu, SendsEachProbeThreeTimesASecondApartUnderAnotherId) {
  PathMtu mtu({.max_size = kMax}, TimePoint(1h));
  TimePoint now(1h);
  for (std::uint16_t id = 0; id < PathMtu::kMaxProbes; ++id) {
    EXPECT_EQ(mtu.deadline(), now);
    const auto probe = mtu.poll(now);
    ASSERT_TRUE(probe);
    EXPECT_EQ(probe->id, id);
    EXPECT_EQ(probe->size, 1200U);
    EXPECT_FALSE(mtu.poll(now));
    now += PathMtu::kProbeTimer;
  }
  EXPECT_EQ(mtu.poll(now)->size, 548U);
  EXPECT_EQ(mtu.state(), PathMtu::State::error);
}

TEST(PathMtu, TakesALateAcknowledgementButNoOtherOne) {
  TimePoint now(1h);
  PathMtu mtu({.max_size = kMax}, now);
  const auto first = mtu.poll(now);
  now += PathMtu::kProbeTimer;
  const auto second = mtu.poll(now);
  ASSERT_TRUE(first && second);
  mtu.acknowledged(first->id, 1199, now);
  mtu.acknowledged(static_cast<std::uint16_t>(second->id + 1), 1200, now);
  mtu.acknowledged(static_cast<std::uint16_t>(first->id - 1), 1200, now);
  EXPECT_EQ(mtu.state(), PathMtu::State::base);
  mtu.acknowledged(first->id, 1200, now);
  EXPECT_EQ(mtu.state(), PathMtu::State::searching);
}

}  // namespace
}  // namespace vpnd::proto
