#include "vpnd/routing/route_table.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <iostream>
#include <random>
#include <vector>

namespace vpnd::routing {
namespace {

using tunio::IpAddress;
using tunio::Prefix;

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

// The slow, obvious version.
class LinearTable {
 public:
  void add(const Prefix& prefix, PeerIndex peer) {
    for (auto& [known, owner] : prefixes_) {
      if (known.network() != prefix.network()) continue;
      owner = peer;
      return;
    }
    prefixes_.emplace_back(prefix, peer);
  }
  std::optional<PeerIndex> find(const IpAddress& address) const {
    std::optional<PeerIndex> best;
    int best_length = -1;
    for (const auto& [prefix, peer] : prefixes_) {
      if (!prefix.contains(address) || prefix.length <= best_length) continue;
      best = peer;
      best_length = prefix.length;
    }
    return best;
  }

 private:
  std::vector<std::pair<Prefix, PeerIndex>> prefixes_;
};

// Few different bytes, so that random prefixes nest, touch and repeat.
IpAddress crowded_address(std::mt19937& random, bool ipv6) {
  constexpr std::array<unsigned, 5> kBytes{0x00, 0x01, 0x7F, 0x80, 0xFF};
  std::array<std::byte, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::byte>(kBytes[random() % kBytes.size()]);
  return ipv6 ? IpAddress::v6(bytes) : IpAddress::v4(std::span(bytes).first<4>());
}

void expect_same_answers(bool ipv6, unsigned seed) {
  std::mt19937 random(seed);
  RouteTableBuilder builder;
  LinearTable reference;
  std::vector<IpAddress> questions;
  const std::size_t count = 1 + random() % 200;
  for (std::uint32_t peer = 0; peer < count; ++peer) {
    const IpAddress network = crowded_address(random, ipv6);
    const auto length = static_cast<std::uint8_t>(random() % (network.bits() + 1U));
    builder.add({network, length}, PeerIndex{peer});
    reference.add({network, length}, PeerIndex{peer});
    const IpAddress first = network.masked(length);
    for (const IpAddress& question : {network, first, first.plus(1), first.plus(~std::uint64_t{0})}) {
      questions.push_back(question);
    }
  }
  for (int i = 0; i < 300; ++i) questions.push_back(crowded_address(random, ipv6));
  const auto table = builder.build();
  for (const IpAddress& question : questions) {
    ASSERT_EQ(table->find(question), reference.find(question)) << question.format() << ", seed " << seed;
  }
}

TEST(RouteTable, AgreesWithALinearSearchOnRandomIpv4Tables) {
  for (unsigned seed = 0; seed < 60; ++seed) expect_same_answers(/*ipv6=*/false, seed);
}

TEST(RouteTable, AgreesWithALinearSearchOnRandomIpv6Tables) {
  for (unsigned seed = 0; seed < 60; ++seed) expect_same_answers(/*ipv6=*/true, seed);
}

TEST(RouteTable, FindsNothingWhileItIsEmpty) {
  EXPECT_EQ(RouteTable().find(address("10.8.0.1")), std::nullopt);
  EXPECT_EQ(RouteTableBuilder().build()->find(address("fd00::1")), std::nullopt);
}

TEST(RouteTable, PrefersTheHostToItsNetworkAndTheNetworkToTheDefault) {
  RouteTableBuilder builder;
  builder.add(prefix("0.0.0.0/0"), PeerIndex{0});
  builder.add(prefix("10.20.0.0/16"), PeerIndex{1});
  builder.add(prefix("10.20.30.0/24"), PeerIndex{2});
  builder.add(prefix("10.20.30.40/32"), PeerIndex{3});
  builder.add(prefix("::/0"), PeerIndex{4});
  builder.add(prefix("fd00::/48"), PeerIndex{5});
  builder.add(prefix("fd00::7/128"), PeerIndex{6});
  const auto table = builder.build();
  const struct {
    const char* address;
    std::uint32_t peer;
  } expected[] = {
      {"192.0.2.1", 0},   {"10.20.0.1", 1},   {"10.20.31.0", 1}, {"10.20.30.1", 2},  {"10.20.30.40", 3},
      {"10.20.30.41", 2}, {"2001:db8::1", 4}, {"fd00::1", 5},    {"fd00:0:1::1", 4}, {"fd00::7", 6},
  };
  for (const auto& [text, peer] : expected) EXPECT_EQ(table->find(address(text)), PeerIndex{peer}) << text;
}

TEST(RouteTable, TakesAddressesInTheFormTheyHaveInAPacket) {
  RouteTableBuilder builder;
  builder.add(prefix("10.8.0.6"), PeerIndex{7});
  builder.add(prefix("fd00::6"), PeerIndex{8});
  const auto table = builder.build();
  EXPECT_EQ(table->find_ipv4(0x0A080006), PeerIndex{7});
  const IpAddress ipv6 = address("fd00::6");
  EXPECT_EQ(table->find_ipv6(ipv6.bytes().first<16>()), PeerIndex{8});
}

TEST(RouteTableBuilder, LeavesOlderSnapshotsAsTheyWere) {
  RouteTableBuilder builder;
  builder.add(prefix("10.8.0.6"), PeerIndex{1});
  const auto before = builder.build();
  builder.add(prefix("10.8.0.6"), PeerIndex{2});
  EXPECT_EQ(before->find(address("10.8.0.6")), PeerIndex{1});
  EXPECT_EQ(builder.build()->find(address("10.8.0.6")), PeerIndex{2});
}

TEST(RouteTableBuilder, RemovesAPrefixOnlyForItsOwner) {
  RouteTableBuilder builder;
  for (const char* const text : {"10.20.0.0/16", "fd00:20::/32"}) {
    builder.add(prefix(text), PeerIndex{1});
    builder.add(prefix(text), PeerIndex{2});  // moved to another peer
    EXPECT_FALSE(builder.remove(prefix(text), PeerIndex{1}));
    EXPECT_EQ(builder.owner(prefix(text)), PeerIndex{2});
    EXPECT_TRUE(builder.remove(prefix(text), PeerIndex{2}));
    EXPECT_EQ(builder.owner(prefix(text)), std::nullopt);
  }
  EXPECT_EQ(builder.size(), 0U);
}

TEST(RouteTableBuilder, IgnoresTheHostBitsOfAPrefix) {
  RouteTableBuilder builder;
  builder.add(prefix("10.20.30.40/16"), PeerIndex{1});
  builder.add(prefix("fd00::1/64"), PeerIndex{2});
  EXPECT_EQ(builder.owner(prefix("10.20.0.0/16")), PeerIndex{1});
  EXPECT_EQ(builder.owner(prefix("fd00::/64")), PeerIndex{2});
}

// What a connecting client costs. The limit is far above the usual time, for sanitizers and busy machines.
TEST(RouteTableBuilder, RebuildsForThousandsOfClientsWithoutANoticeablePause) {
  for (const std::uint32_t clients : {1'000U, 10'000U}) {
    RouteTableBuilder builder;
    for (std::uint32_t client = 0; client < clients; ++client) {
      builder.add({IpAddress::v4(0x0A080002 + client), 32}, PeerIndex{client});
      builder.add({address("fd00::1000").plus(client), 128}, PeerIndex{client});
      if (client % 10 == 0) builder.add({IpAddress::v4(0xAC100000 + client * 256), 24}, PeerIndex{client});
    }
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    const auto table = builder.build();
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    RecordProperty("clients_" + std::to_string(clients) + "_us", std::to_string(took.count()));
    std::cout << clients << " clients: " << took.count() << " us, " << table->memory_bytes() / 1024
              << " KiB\n";
    EXPECT_LT(took, std::chrono::milliseconds(250));
  }
}

}  // namespace
}  // namespace vpnd::routing
