#include "tunio/ip_address.hpp"

#include <gtest/gtest.h>

#include <unordered_set>

namespace vpnd::tunio {
namespace {

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  for (const char* text :
       {"0.0.0.0", "10.8.0.1", "255.255.255.255", "::", "::1", "fd00::1:2", "2001:db8::8:800:200c:417a"})
    EXPECT_EQ(address(text).format(), text);
  EXPECT_EQ(address("2001:DB8:0:0:0:0:0:1").format(), "2001:db8::1");
  EXPECT_EQ(address("10.8.0.1").v4_value(), 0x0a080001U);
  EXPECT_EQ(address("10.8.0.1"), IpAddress::v4(0x0a080001));
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  using namespace std::string_view_literals;
  for (const auto text :
       {""sv, "10.8.0"sv, "10.8.0.256"sv, "10.8.0.1 "sv, "[::1]"sv, "fe80::1%eth0"sv, "1::2::3"sv,
        "10.8.0.1\0"sv, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"sv})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(address("::").is_unspecified());
  EXPECT_TRUE(address("0.0.0.0").is_unspecified());
  EXPECT_TRUE(address("127.3.2.1").is_loopback());
  EXPECT_TRUE(address("::1").is_loopback());
  EXPECT_FALSE(address("::2").is_loopback());
  EXPECT_TRUE(address("169.254.1.1").is_link_local());
  EXPECT_TRUE(address("febf::1").is_link_local());
  EXPECT_FALSE(address("fec0::1").is_link_local());
  EXPECT_TRUE(address("224.0.0.1").is_multicast());
  EXPECT_TRUE(address("ff02::1").is_multicast());
}

TEST(IpAddress, TurnsMappedAddressesIntoIpv4) {
  EXPECT_EQ(address("::ffff:10.8.0.1").without_v4_mapping(), address("10.8.0.1"));
  EXPECT_EQ(address("::fffe:10.8.0.1").without_v4_mapping(), address("::fffe:10.8.0.1"));
}

TEST(IpAddress, CountsOnWithCarry) {
  EXPECT_EQ(address("10.8.0.255").plus(1), address("10.8.1.0"));
  EXPECT_EQ(address("10.8.0.1").plus(0x10000), address("10.9.0.1"));
  EXPECT_EQ(address("255.255.255.255").plus(1), address("0.0.0.0"));
  EXPECT_EQ(address("fd00::ffff:ffff:ffff:ffff").plus(1), address("fd00:0:0:1::"));
}

TEST(IpAddress, OrdersByFamilyThenNumerically) {
  EXPECT_LT(address("10.8.0.2"), address("10.8.0.10"));
  EXPECT_LT(address("200.0.0.0"), address("::1"));
}

TEST(IpAddress, HashesNeighboursApart) {
  std::unordered_set<std::size_t> hashes;
  for (std::uint32_t i = 0; i < 1000; ++i)
    hashes.insert(std::hash<IpAddress>{}(IpAddress::v4(0x0a080000 + i)) & 0xffff);
  EXPECT_GT(hashes.size(), 950U);
  EXPECT_NE(std::hash<IpAddress>{}(address("fd00::1")), std::hash<IpAddress>{}(address("fd00::2")));
}

TEST(Prefix, ReadsAndWrites) {
  EXPECT_EQ(Prefix::parse("10.8.0.0/24")->format(), "10.8.0.0/24");
  EXPECT_EQ(Prefix::parse("fd00::/64")->format(), "fd00::/64");
  EXPECT_EQ(Prefix::parse("10.8.0.1")->length, 32);
  EXPECT_EQ(Prefix::parse("::1")->length, 128);
  for (const char* text :
       {"10.8.0.0/33", "fd00::/129", "10.8.0.0/", "10.8.0.0/-1", "10.8.0.0/8x", "/8", "10.8.0.0/256"})
    EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Prefix, ContainsExactlyTheAddressesThatShareItsBits) {
  const struct {
    const char* prefix;
    const char* inside;
    const char* outside;
  } cases[] = {{"10.8.0.0/24", "10.8.0.255", "10.8.1.0"},
               {"10.8.0.77/24", "10.8.0.1", "10.8.1.77"},
               {"10.8.0.0/9", "10.127.0.1", "10.128.0.0"},
               {"10.8.0.1/32", "10.8.0.1", "10.8.0.0"},
               {"0.0.0.0/0", "203.0.113.9", "::"},
               {"fd00::/63", "fd00:0:0:1::9", "fd00:0:0:2::"},
               {"::1/128", "::1", "::"}};
  for (const auto& [prefix, inside, outside] : cases) {
    EXPECT_TRUE(Prefix::parse(prefix)->contains(address(inside))) << prefix;
    EXPECT_FALSE(Prefix::parse(prefix)->contains(address(outside))) << prefix;
  }
  EXPECT_TRUE(Prefix::parse("10.0.0.0/8")->contains(*Prefix::parse("10.8.0.0/16")));
  EXPECT_FALSE(Prefix::parse("10.8.0.0/16")->contains(*Prefix::parse("10.0.0.0/8")));
  EXPECT_EQ(Prefix::parse("10.8.0.77/24")->network().format(), "10.8.0.0/24");
}

TEST(Netmask, AndPrefixLengthAreEachOthersInverse) {
  for (std::uint8_t length = 0; length <= 32; ++length) EXPECT_EQ(prefix_length(netmask_v4(length)), length);
  EXPECT_EQ(netmask_v4(22).format(), "255.255.252.0");
  EXPECT_EQ(prefix_length(address("255.0.255.0")), std::nullopt);
  EXPECT_EQ(prefix_length(address("ffff::")), std::nullopt);
}

}  // namespace
}  // namespace vpnd::tunio
