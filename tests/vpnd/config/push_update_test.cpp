#include "vpnd/config/push_update.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace vpnd::config::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PushUpdateTest : public ::testing::Test {
 protected:
  PushUpdateTest() {
    for (const char* option :
         {"route 10.1.0.0 255.255.0.0", "route 10.2.0.0 255.255.0.0", "ping 10", "ping-restart 60",
          "dhcp-option DNS 10.8.0.1", "dns search-domains example.org", "ifconfig 10.8.0.2 255.255.255.0",
          "tun-mtu 1400", "block-ipv6", "peer-id 3", "cipher AES-256-GCM"})
      EXPECT_EQ(apply_pushed(option, options, before).verdict, PushVerdict::applied) << option;
  }

  // Applies these, and says what the last one came to.
  PushVerdict told(std::initializer_list<const char*> update) {
    PushUpdate pending(options, before);
    PushVerdict verdict = PushVerdict::applied;
    for (const char* option : update) verdict = pending.apply(option).verdict;
    after = pending.take();
    return verdict;
  }

  Options options = client_with("");
  PushedOptions before, after;
};

TEST_F(PushUpdateTest, ReplacesAListByTheFirstEntryOfTheUpdate) {
  EXPECT_EQ(told({"route 10.3.0.0 255.255.0.0", "route 10.4.0.0 255.255.0.0"}), PushVerdict::applied);
  EXPECT_THAT(after.routing.routes, SizeIs(2));
  EXPECT_EQ(after.routing.routes[0].network.address, tunio::IpAddress::parse("10.3.0.0"));
  EXPECT_THAT(before.routing.routes, SizeIs(2)) << "stays until it is taken";
  EXPECT_EQ(told({"dhcp-option DNS 10.9.0.1"}), PushVerdict::applied);
  EXPECT_THAT(after.foreign_options,
              ElementsAre("dns search-domains example.org", "dhcp-option DNS 10.9.0.1"));
}

TEST_F(PushUpdateTest, TakesOptionsAway) {
  EXPECT_EQ(told({"-route", "-block-ipv6", "-tun-mtu", "-keepalive", "-?dns", "-ifconfig"}),
            PushVerdict::applied);
  EXPECT_THAT(after.routing.routes, IsEmpty());
  EXPECT_FALSE(after.routing.block_ipv6);
  EXPECT_FALSE(after.tun_mtu);
  EXPECT_FALSE(after.ping);
  EXPECT_FALSE(after.addresses.local);
  EXPECT_THAT(after.foreign_options, ElementsAre("dhcp-option DNS 10.8.0.1"));
  EXPECT_EQ(after.peer_id, 3u);
}

TEST_F(PushUpdateTest, TakesAwayWhatWasNeverThere) {
  EXPECT_EQ(told({"-route-ipv6", "-redirect-gateway", "-route-gateway", "-topology"}), PushVerdict::applied);
}

TEST_F(PushUpdateTest, ChangesSingleValues) {
  EXPECT_EQ(told({"keepalive 5 25", "tun-mtu 1300", "ifconfig 10.8.0.9 255.255.255.0"}),
            PushVerdict::applied);
  EXPECT_EQ(after.ping, seconds{5});
  EXPECT_EQ(after.timeout, seconds{25});
  EXPECT_EQ(after.tun_mtu, 1300);
  EXPECT_EQ(after.addresses.local, tunio::IpAddress::parse("10.8.0.9"));
}

TEST_F(PushUpdateTest, ConnectsAnewForWhatCannotBeChangedUnlessItIsOptional) {
  EXPECT_EQ(told({"cipher AES-128-GCM"}), PushVerdict::fatal);
  EXPECT_EQ(told({"-peer-id"}), PushVerdict::fatal);
  EXPECT_EQ(told({"?-route"}), PushVerdict::fatal) << "the signs stand the wrong way round";
  EXPECT_EQ(told({"frobnicate 1"}), PushVerdict::fatal);
  EXPECT_EQ(told({"?cipher AES-128-GCM"}), PushVerdict::ignored);
  EXPECT_EQ(told({"-?frobnicate"}), PushVerdict::ignored);
  EXPECT_EQ(after.cipher, "AES-256-GCM");
}

TEST_F(PushUpdateTest, RefusesHostileValues) {
  EXPECT_EQ(told({"tun-mtu 1"}), PushVerdict::refused);
  EXPECT_EQ(told({"keepalive 10"}), PushVerdict::refused);
  EXPECT_EQ(told({"dhcp-option DOMAIN $(reboot)"}), PushVerdict::refused);
  EXPECT_EQ(told({"route \x01"}), PushVerdict::refused);
}

TEST_F(PushUpdateTest, AsksThePullFilters) {
  options = client_with("pull-filter ignore route\npull-filter reject ifconfig\n");
  EXPECT_EQ(told({"route 10.3.0.0 255.255.0.0"}), PushVerdict::ignored);
  EXPECT_EQ(told({"ifconfig 10.8.0.9 255.255.255.0"}), PushVerdict::fatal);
}

}  // namespace
}  // namespace vpnd::config::testing
