#include "proto/session_cookie.hpp"

#include <gtest/gtest.h>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using std::chrono::seconds;
using test::Bytes;
using test::from_hex;

constexpr std::uint32_t kSlotStart = 30 * 50'000'000;  // of the slots of a hand window of 60 s

Now at(std::uint32_t unix_seconds) {
  return {TimePoint{}, unix_seconds};
}

class SessionCookieTest : public testing::Test {
 protected:
  bool proves(const SessionId& id, Now now) const { return cookie.proves(id, address, client, now); }

  SessionCookie cookie{seconds(60)};
  Bytes address = from_hex("c0000201 04aa");
  SessionId client{{std::byte{1}, std::byte{2}}};
};

TEST_F(SessionCookieTest, ProvesInItsOwnSlotAndTheTwoAfterIt) {
  const SessionId id = cookie.make(address, client, at(kSlotStart));
  EXPECT_FALSE(id.is_zero());
  EXPECT_TRUE(proves(id, at(kSlotStart)));
  EXPECT_TRUE(proves(id, at(kSlotStart + 30)));
  EXPECT_TRUE(proves(id, at(kSlotStart + 89)));
  EXPECT_FALSE(proves(id, at(kSlotStart + 90)));
}

TEST_F(SessionCookieTest, CookieOfTheFutureProvesNothing) {
  const SessionId id = cookie.make(address, client, at(kSlotStart));
  EXPECT_FALSE(proves(id, at(kSlotStart - 1)));
}

TEST_F(SessionCookieTest, AnyOtherAddressPortOrClientNeedsAnotherCookie) {
  const SessionId id = cookie.make(address, client, at(kSlotStart));
  EXPECT_FALSE(cookie.proves(id, from_hex("c0000202 04aa"), client, at(kSlotStart)));
  EXPECT_FALSE(cookie.proves(id, from_hex("c0000201 04ab"), client, at(kSlotStart)));
  SessionId other = client;
  other.bytes[7] ^= std::byte{1};
  EXPECT_FALSE(cookie.proves(id, address, other, at(kSlotStart)));
}

TEST_F(SessionCookieTest, EveryFlippedBitIsNoticed) {
  const SessionId id = cookie.make(address, client, at(kSlotStart));
  for (std::size_t bit = 0; bit < 64; ++bit) {
    SessionId flipped = id;
    flipped.bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(proves(flipped, at(kSlotStart))) << "bit " << bit;
  }
}

TEST_F(SessionCookieTest, AnotherServerMakesOtherCookies) {
  const SessionCookie other(seconds(60));
  EXPECT_NE(cookie.make(address, client, at(kSlotStart)), other.make(address, client, at(kSlotStart)));
}

TEST_F(SessionCookieTest, TheClocksFirstSecondsAreNoSpecialCase) {
  const SessionId id = cookie.make(address, client, at(0));
  EXPECT_TRUE(proves(id, at(0)));
  EXPECT_FALSE(proves(cookie.make(address, client, at(0xFFFFFFFF)), at(0))) << "slot -1 is not the last slot";
}

}  // namespace
}  // namespace vpnd::proto
