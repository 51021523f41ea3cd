#include "vpnd/host/redirect_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vpnd::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tunio::IpAddress;
using tunio::Prefix;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

// 192.0.2.2/24 and 2001:db8::2/64 on eth0, routers .1 and ::1; the server is far away.
RedirectFacts at_home() {
  RedirectFacts facts;
  facts.default_ipv4 = Path{address("192.0.2.1"), "eth0", std::nullopt};
  facts.default_ipv6 = Path{address("2001:db8::1"), "eth0", std::nullopt};
  facts.to_server = facts.default_ipv4;
  facts.local_ipv4 = {*Prefix::parse("192.0.2.2/24")};
  facts.local_ipv6 = {*Prefix::parse("2001:db8::2/64"), *Prefix::parse("fe80::2/64")};
  return facts;
}

RedirectGateway redirect() {
  RedirectGateway request;
  request.device = "tun0";
  request.gateway_ipv4 = address("10.8.0.1");
  request.gateway_ipv6 = address("fd00::1");
  request.server = address("198.51.100.1");
  return request;
}

std::vector<std::string> words(const std::vector<Route>& routes) {
  std::vector<std::string> all;
  for (const Route& route : routes) all.push_back(text(route));
  return all;
}

TEST(RedirectPlan, ReplacesTheDefaultRouteAndKeepsTheServerReachable) {
  const RedirectPlan plan = plan_redirect(redirect(), at_home());
  EXPECT_EQ(plan.keep_server, address("198.51.100.1"));
  ASSERT_TRUE(plan.replaced_default);
  EXPECT_EQ(text(*plan.replaced_default), "0.0.0.0/0 via 10.8.0.1 dev tun0 metric 0");
  EXPECT_THAT(plan.routes, IsEmpty());
}

TEST(RedirectPlan, CoversTheDefaultRouteInTwoHalvesWithDef1) {
  RedirectGateway request = redirect();
  request.def1 = true;
  const RedirectPlan plan = plan_redirect(request, at_home());
  EXPECT_FALSE(plan.replaced_default);
  EXPECT_THAT(words(plan.routes), ElementsAre("0.0.0.0/1 via 10.8.0.1 dev tun0 metric 0",
                                              "128.0.0.0/1 via 10.8.0.1 dev tun0 metric 0"));
}

TEST(RedirectPlan, SendsIpv6IntoTheTunnelInFourPieces) {
  RedirectGateway request = redirect();
  request.ipv4 = false;
  request.ipv6 = true;
  const RedirectPlan plan = plan_redirect(request, at_home());
  EXPECT_FALSE(plan.replaced_default);
  EXPECT_FALSE(plan.keep_server) << "an IPv4 server is not affected by IPv6 routes";
  EXPECT_THAT(
      words(plan.routes),
      ElementsAre("::/3 via fd00::1 dev tun0 metric 0", "2000::/4 via fd00::1 dev tun0 metric 0",
                  "3000::/4 via fd00::1 dev tun0 metric 0", "fc00::/7 via fd00::1 dev tun0 metric 0"));
}

TEST(RedirectPlan, LeavesTheServerAloneWhenItIsLocal) {
  RedirectGateway request = redirect();
  request.local = true;
  EXPECT_FALSE(plan_redirect(request, at_home()).keep_server);

  request.local = false;
  request.autolocal = true;
  RedirectFacts facts = at_home();
  EXPECT_TRUE(plan_redirect(request, facts).keep_server) << "it is behind a router";
  facts.to_server->gateway = std::nullopt;
  EXPECT_FALSE(plan_redirect(request, facts).keep_server);
}

TEST(RedirectPlan, KeepsNameServersOfTheFamiliesItRedirects) {
  RedirectGateway request = redirect();
  request.bypass = {address("192.0.2.53"), address("2001:db8::53")};
  EXPECT_THAT(plan_redirect(request, at_home()).keep, ElementsAre(address("192.0.2.53")));
}

TEST(RedirectPlan, SwallowsTheLocalNetworksButNotTheRouterWithBlockLocal) {
  RedirectGateway request = redirect();
  request.block_local = true;
  request.change_default = false;
  request.ipv6 = true;
  const RedirectPlan plan = plan_redirect(request, at_home());
  EXPECT_THAT(plan.keep, ElementsAre(address("192.0.2.1"), address("2001:db8::1")));
  EXPECT_THAT(words(plan.routes), ElementsAre("192.0.2.0/25 via 10.8.0.1 dev tun0 metric 0",
                                              "192.0.2.128/25 via 10.8.0.1 dev tun0 metric 0",
                                              "2001:db8::/65 via fd00::1 dev tun0 metric 0",
                                              "2001:db8:0:0:8000::/65 via fd00::1 dev tun0 metric 0"));
}

TEST(RedirectPlan, BlocksEveryNetworkOfTheInterfaceOnce) {
  RedirectGateway request = redirect();
  request.block_local = true;
  request.change_default = false;
  RedirectFacts facts = at_home();
  facts.local_ipv4 = {*Prefix::parse("192.0.2.2/24"), *Prefix::parse("192.0.2.3/24"),
                      *Prefix::parse("10.1.0.5/31"), *Prefix::parse("10.2.0.1/32")};
  EXPECT_THAT(words(plan_redirect(request, facts).routes),
              ElementsAre("192.0.2.0/25 via 10.8.0.1 dev tun0 metric 0",
                          "192.0.2.128/25 via 10.8.0.1 dev tun0 metric 0",
                          "10.1.0.4/32 via 10.8.0.1 dev tun0 metric 0",
                          "10.1.0.5/32 via 10.8.0.1 dev tun0 metric 0"));
}

TEST(RedirectPlan, HasNothingToBlockWithoutADefaultRoute) {
  RedirectGateway request = redirect();
  request.block_local = true;
  request.change_default = false;
  RedirectFacts facts = at_home();
  facts.default_ipv4 = std::nullopt;
  EXPECT_THAT(plan_redirect(request, facts).routes, IsEmpty());
  EXPECT_THAT(plan_redirect(request, facts).keep, IsEmpty());
}

TEST(Route, IsDescribedInWords) {
  const Route route{*Prefix::parse("192.0.2.7/24"), address("10.8.0.1"), "tun0", 5, 100};
  EXPECT_EQ(text(route), "192.0.2.0/24 via 10.8.0.1 dev tun0 metric 5 table 100");
  EXPECT_EQ(text(Route{*Prefix::parse("fd00::/8"), std::nullopt, "tun0", std::nullopt, kMainTable}),
            "fd00::/8 dev tun0");
}

}  // namespace
}  // namespace vpnd::host
