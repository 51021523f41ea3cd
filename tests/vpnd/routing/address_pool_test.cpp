#include "vpnd/routing/address_pool.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <stdexcept>

namespace vpnd::routing {
namespace {

using tunio::IpAddress;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

AddressPoolSettings ipv4_range(std::string_view first, std::string_view last) {
  AddressPoolSettings settings;
  settings.ipv4_first = address(first);
  settings.ipv4_last = address(last);
  return settings;
}

std::string ipv4_of(const std::optional<PoolLease>& lease) {
  return lease && lease->ipv4 ? lease->ipv4->format() : "none";
}

TEST(AddressPool, GivesAddressesInOrderUntilNoneIsLeft) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.4"));
  EXPECT_EQ(ipv4_of(pool.acquire("a")), "10.8.0.2");
  EXPECT_EQ(ipv4_of(pool.acquire("b")), "10.8.0.3");
  EXPECT_EQ(ipv4_of(pool.acquire("c")), "10.8.0.4");
  EXPECT_EQ(ipv4_of(pool.acquire("d")), "none");
  EXPECT_EQ(pool.in_use(), 3U);
}

TEST(AddressPool, GivesANameItsFormerAddressBack) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.9"));
  const auto anna = pool.acquire("anna");
  const auto bert = pool.acquire("bert");
  pool.release(anna->index);
  pool.release(bert->index);
  EXPECT_EQ(ipv4_of(pool.acquire("bert")), "10.8.0.3");
  EXPECT_EQ(ipv4_of(pool.acquire("anna")), "10.8.0.2");
}

TEST(AddressPool, GivesStrangersTheAddressThatIsFreeForTheLongestTime) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.4"));
  const auto anna = pool.acquire("anna");
  const auto bert = pool.acquire("bert");
  pool.release(bert->index);
  pool.release(anna->index);
  EXPECT_EQ(ipv4_of(pool.acquire("x")), "10.8.0.4");  // nobody ever had it
  EXPECT_EQ(ipv4_of(pool.acquire("y")), "10.8.0.3");  // bert left first
  EXPECT_EQ(ipv4_of(pool.acquire("z")), "10.8.0.2");
}

TEST(AddressPool, GivesASecondClientOfTheSameNameAnotherAddress) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.9"));
  EXPECT_EQ(ipv4_of(pool.acquire("same")), "10.8.0.2");
  EXPECT_EQ(ipv4_of(pool.acquire("same")), "10.8.0.3");
}

TEST(AddressPool, DoesNotCareForNamesWithDuplicateCn) {
  AddressPoolSettings settings = ipv4_range("10.8.0.2", "10.8.0.9");
  settings.sticky = false;
  AddressPool pool(settings);
  pool.release(pool.acquire("same")->index);
  EXPECT_EQ(ipv4_of(pool.acquire("same")), "10.8.0.3");
}

TEST(AddressPool, NeverGivesAStaticAddressToAnybody) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.4"));
  EXPECT_EQ(pool.claim_static(address("10.8.0.3")), StaticClaim::reserved);
  EXPECT_EQ(pool.claim_static(address("10.8.0.3")), StaticClaim::reserved);
  EXPECT_EQ(pool.claim_static(address("10.8.0.200")), StaticClaim::outside);
  EXPECT_EQ(ipv4_of(pool.acquire("a")), "10.8.0.2");
  EXPECT_EQ(ipv4_of(pool.acquire("b")), "10.8.0.4");
  EXPECT_EQ(ipv4_of(pool.acquire("c")), "none");
}

TEST(AddressPool, TakesAStaticAddressOutOfThePoolWhenItsPresentUserLeaves) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.2"));
  const auto lease = pool.acquire("guest");
  EXPECT_EQ(pool.claim_static(address("10.8.0.2")), StaticClaim::leased);
  pool.release(lease->index);
  EXPECT_EQ(ipv4_of(pool.acquire("guest")), "none");
  EXPECT_EQ(pool.claim_static(address("10.8.0.2")), StaticClaim::reserved);
}

TEST(AddressPool, SharesOneIndexBetweenBothFamilies) {
  AddressPoolSettings settings = ipv4_range("10.8.0.2", "10.8.0.254");
  settings.ipv6_first = address("fd00:8::1000");
  AddressPool pool(settings);
  (void)pool.acquire("a");
  const auto lease = pool.acquire("b");
  ASSERT_TRUE(lease && lease->ipv6);
  EXPECT_EQ(ipv4_of(lease), "10.8.0.3");
  EXPECT_EQ(lease->ipv6->format(), "fd00:8::1001");
  EXPECT_EQ(pool.find(*lease->ipv6), lease->index);
  EXPECT_EQ(pool.find(*lease->ipv4), lease->index);
  EXPECT_EQ(pool.claim_static(address("fd00:8::1002")), StaticClaim::reserved);
  EXPECT_EQ(ipv4_of(pool.acquire("c")), "10.8.0.5");  // the place of the static IPv6 address is left out
}

TEST(AddressPool, GivesBlocksOfFourForNet30) {
  // docs/protocol.md §14: server side is block + 1, client is block + 2.
  AddressPoolSettings settings = ipv4_range("10.8.0.4", "10.8.0.251");
  settings.ipv4_layout = PoolLayout::blocks_of_four;
  AddressPool pool(settings);
  EXPECT_EQ(pool.size(), 62U);
  const auto lease = pool.acquire("a");
  EXPECT_EQ(ipv4_of(lease), "10.8.0.6");
  EXPECT_EQ(lease->ipv4_server_side->format(), "10.8.0.5");
  EXPECT_EQ(ipv4_of(pool.acquire("b")), "10.8.0.10");
  EXPECT_EQ(pool.find(address("10.8.0.11"))->value, 1U);
}

TEST(AddressPool, StaysInsideItsIpv6Prefix) {
  const struct {
    const char* first;
    std::uint8_t length;
    std::size_t size;
  } cases[] = {
      {"fd00::1000", 64, 65536},
      {"fd00::1000", 112, 65536 - 0x1000},
      {"fd00::2", 124, 14},
      {"fd00::f", 124, 1},
      {"fd00::2", 128, 1},
      {"fd00::", 112, 65536},
      {"fd00::ffff:ffff:ffff:fffe", 64, 2},
  };
  for (const auto& [first, length, size] : cases) {
    AddressPoolSettings settings;
    settings.ipv6_first = address(first);
    settings.ipv6_prefix_length = length;
    EXPECT_EQ(AddressPool(settings).size(), size) << first << "/" << int{length};
  }
}

TEST(AddressPool, RefusesRangesThatAreNone) {
  EXPECT_THROW(AddressPool{AddressPoolSettings{}}, std::invalid_argument);
  EXPECT_THROW(AddressPool{ipv4_range("10.8.0.9", "10.8.0.2")}, std::invalid_argument);
  EXPECT_THROW(AddressPool{ipv4_range("10.8.0.0", "fd00::1")}, std::invalid_argument);
  EXPECT_THROW(AddressPool{ipv4_range("10.0.0.0", "10.1.0.0")}, std::invalid_argument);
  EXPECT_EQ(AddressPool{ipv4_range("10.0.0.0", "10.0.255.255")}.size(), 65536U);
  EXPECT_EQ(AddressPool{ipv4_range("255.255.255.255", "255.255.255.255")}.size(), 1U);
}

TEST(AddressPool, KeepsAFixedAddressForItsNameAlone) {
  AddressPool pool(ipv4_range("10.8.0.2", "10.8.0.3"));
  EXPECT_TRUE(pool.bind("anna", address("10.8.0.2"), AddressPool::Binding::fixed));
  EXPECT_EQ(ipv4_of(pool.acquire("bert")), "10.8.0.3");
  EXPECT_EQ(ipv4_of(pool.acquire("carl")), "none");
  const auto anna = pool.acquire("anna");
  EXPECT_EQ(ipv4_of(anna), "10.8.0.2");
  pool.release(anna->index);
  EXPECT_EQ(ipv4_of(pool.acquire("carl")), "none");
  EXPECT_EQ(ipv4_of(pool.acquire("anna")), "10.8.0.2");
}

// Against a model that only knows what must never happen, and whose address each one was last.
class PoolModel {
 public:
  explicit PoolModel(unsigned seed) : random_(seed), pool_(ipv4_range("10.8.0.0", "10.8.0.31")) {}

  void step() {
    const auto what = random_() % 100;
    if (what < 55) return acquire("client" + std::to_string(random_() % 48));
    if (what < 97 && !users_.empty()) return release();
    if (reserved_.size() < 8) claim(random_() % 32);
  }

 private:
  bool usable(std::uint32_t index) const { return !users_.contains(index) && !reserved_.contains(index); }

  void acquire(const std::string& name) {
    std::set<std::uint32_t> own;
    for (const auto& [index, former] : last_user_) {
      if (former == name && usable(index)) own.insert(index);
    }
    const auto lease = pool_.acquire(name);
    if (!lease) {
      for (std::uint32_t index = 0; index < 32; ++index) ASSERT_FALSE(usable(index)) << "refused, but free";
      return;
    }
    const std::uint32_t index = lease->index.value;
    ASSERT_TRUE(usable(index)) << "given twice, or static";
    ASSERT_TRUE(own.empty() || own.contains(index)) << "not sticky";
    ASSERT_EQ(pool_.find(*lease->ipv4), lease->index);
    users_.insert(index);
    last_user_[index] = name;
    ASSERT_EQ(pool_.in_use(), users_.size());
  }

  void release() {
    const auto victim = std::next(users_.begin(), static_cast<std::ptrdiff_t>(random_() % users_.size()));
    pool_.release(PoolIndex{*victim});
    users_.erase(victim);
    ASSERT_EQ(pool_.in_use(), users_.size());
  }

  void claim(std::uint32_t index) {
    const StaticClaim claim = pool_.claim_static(IpAddress::v4(0x0A080000 + index));
    ASSERT_EQ(claim, users_.contains(index) ? StaticClaim::leased : StaticClaim::reserved);
    reserved_.insert(index);
  }

  std::mt19937 random_;
  AddressPool pool_;
  std::set<std::uint32_t> users_;
  std::map<std::uint32_t, std::string> last_user_;
  std::set<std::uint32_t> reserved_;
};

TEST(AddressPool, HoldsItsPromisesOverRandomHistories) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    PoolModel model(seed);
    for (int step = 0; step < 2000 && !HasFatalFailure(); ++step) model.step();
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace vpnd::routing
