#include "vpnd/control/session_limits.hpp"

#include <gmock/gmock.h>

namespace vpnd::control {
namespace {

using std::chrono::seconds;
using testing::Eq;
using testing::Optional;

constexpr proto::TimePoint kStart{};

TEST(SessionLimits, AreNoneUnlessConfigured) {
  SessionLimits limits({}, kStart);
  EXPECT_THAT(limits.exceeded(0, kStart + seconds{1000000}), Eq(std::nullopt));
}

TEST(SessionLimits, EndAfterASilence) {
  SessionLimits limits({.idle = seconds{10}}, kStart);
  EXPECT_THAT(limits.exceeded(0, kStart + seconds{9}), Eq(std::nullopt));
  EXPECT_THAT(limits.exceeded(1, kStart + seconds{9}), Eq(std::nullopt));  // a packet
  EXPECT_THAT(limits.exceeded(1, kStart + seconds{18}), Eq(std::nullopt));
  EXPECT_THAT(limits.exceeded(1, kStart + seconds{19}), Optional(SessionLimit::idle));
}

TEST(SessionLimits, CountTrafficUpToTheLeastThatMatters) {
  SessionLimits limits({.idle = seconds{10}, .idle_bytes = 1000}, kStart);
  EXPECT_THAT(limits.exceeded(600, kStart + seconds{5}), Eq(std::nullopt));
  EXPECT_THAT(limits.exceeded(1000, kStart + seconds{9}), Eq(std::nullopt));  // together enough
  EXPECT_THAT(limits.exceeded(1999, kStart + seconds{19}), Optional(SessionLimit::idle));
}

TEST(SessionLimits, EndAfterATime) {
  SessionLimits limits({.length = seconds{60}}, kStart);
  EXPECT_THAT(limits.exceeded(5, kStart + seconds{59}), Eq(std::nullopt));
  EXPECT_THAT(limits.exceeded(50000, kStart + seconds{60}), Optional(SessionLimit::length));
}

}  // namespace
}  // namespace vpnd::control
