#include "tunio/endpoint.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <unordered_set>

namespace vpnd::tunio::test {
namespace {

Endpoint endpoint(const char* address, std::uint16_t port) {
  const auto result = Endpoint::from_text(address, port);
  EXPECT_TRUE(result) << address;
  return result.value_or(Endpoint{});
}

TEST(Endpoint, IsWrittenAsPeopleWriteIt) {
  EXPECT_EQ(endpoint("192.0.2.1", 1194).format(), "192.0.2.1:1194");
  EXPECT_EQ(endpoint("2001:db8::1", 443).format(), "[2001:db8::1]:443");
  EXPECT_EQ(endpoint("fe80::1%7", 443).format(), "[fe80::1%7]:443");
  EXPECT_EQ(endpoint("fe80::1%lo", 443).scope(), 1u);
}

TEST(Endpoint, TakesNumbersOnly) {
  for (const char* text :
       {"", "localhost", "192.0.2.256", "[::1]", "192.0.2.1%1", "fe80::1%no-such-device"}) {
    EXPECT_FALSE(Endpoint::from_text(text, 1)) << text;
  }
}

TEST(Endpoint, GoesThroughASocketAddressAndBack) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "fe80::1%3"}) {
    const Endpoint original = endpoint(text, 1194);
    sockaddr_storage address{};
    const socklen_t size = original.to_sockaddr(original.family(), address);
    EXPECT_EQ(address.ss_family, original.family());
    EXPECT_EQ(Endpoint::from_sockaddr(address, size), original) << text;
  }
}

TEST(Endpoint, IsTheSameSeenOnAnIpv6SocketOrOnAnIpv4One) {
  const Endpoint original = endpoint("192.0.2.1", 1194);
  sockaddr_storage mapped{};
  const socklen_t size = original.to_sockaddr(AF_INET6, mapped);
  EXPECT_EQ(mapped.ss_family, AF_INET6);
  EXPECT_EQ(Endpoint::from_sockaddr(mapped, size), original);
  EXPECT_EQ(endpoint("::ffff:192.0.2.1", 1194), original);
  EXPECT_EQ(original.family(), AF_INET);
}

TEST(Endpoint, CannotBeReachedFromASocketOfTheWrongFamily) {
  sockaddr_storage address{};
  EXPECT_EQ(endpoint("2001:db8::1", 1).to_sockaddr(AF_INET, address), 0u);
}

TEST(Endpoint, RejectsAddressesThatAreCutOrForeign) {
  sockaddr_storage address{};
  const socklen_t size = endpoint("2001:db8::1", 1).to_sockaddr(AF_INET6, address);
  EXPECT_FALSE(Endpoint::from_sockaddr(address, size - 1));
  EXPECT_FALSE(Endpoint::from_sockaddr(address, 1));
  address.ss_family = AF_UNIX;
  EXPECT_FALSE(Endpoint::from_sockaddr(address, sizeof address));
}

TEST(Endpoint, DiffersByAddressPortAndScope) {
  std::unordered_set<Endpoint> seen;
  for (const char* text : {"192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1%1", "fe80::1%2"}) {
    for (std::uint16_t port = 1; port <= 100; ++port) EXPECT_TRUE(seen.insert(endpoint(text, port)).second);
  }
  EXPECT_EQ(seen.count(endpoint("192.0.2.2", 50)), 1u);
}

}  // namespace
}  // namespace vpnd::tunio::test
