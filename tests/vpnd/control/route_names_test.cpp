#include "vpnd/control/route_names.hpp"

#include <gmock/gmock.h>

namespace vpnd::control {
namespace {

using config::Route;
using config::RouteKeyword;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

tunio::IpAddress address(const char* text) {
  return *tunio::IpAddress::parse(text);
}

Route route_to(config::RouteTarget network) {
  Route route;
  route.network = std::move(network);
  return route;
}
config::RouteTarget host(const char* name) {
  return {RouteKeyword::host_name, {}, name};
}

// Longer than a label may be, so that nobody is asked.
constexpr const char* kNoName =
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid";

TEST(RouteNames, AreThoseOfNetworksAndGateways) {
  Route one = route_to(host("a.example"));
  one.gateway = host("b.example");
  const Route other = route_to({RouteKeyword::none, address("10.1.0.0"), {}});
  EXPECT_THAT(host_names({one, other, one}), ElementsAre("a.example", "b.example"));
}

TEST(RouteNames, BecomeARouteForEachAddress) {
  Route route = route_to(host("a.example"));
  route.bits = 24;
  const auto plain =
      with_addresses({route}, {{"a.example", {address("192.0.2.7"), address("198.51.100.7")}}});
  ASSERT_THAT(plain, SizeIs(2));
  EXPECT_EQ(plain[0].network.keyword, RouteKeyword::none);
  EXPECT_EQ(plain[0].network.address, address("192.0.2.0")) << "a network, not a host in it";
  EXPECT_EQ(plain[1].network.address, address("198.51.100.0"));
  EXPECT_EQ(plain[1].bits, 24);
}

TEST(RouteNames, OfAGatewayBecomeItsFirstAddress) {
  Route route = route_to({RouteKeyword::none, address("10.1.0.0"), {}});
  route.gateway = host("b.example");
  const auto plain = with_addresses({route}, {{"b.example", {address("192.0.2.7"), address("192.0.2.8")}}});
  ASSERT_THAT(plain, SizeIs(1));
  EXPECT_EQ(plain[0].gateway->address, address("192.0.2.7"));
}

TEST(RouteNames, ThatAreNotKnownAreLeftOut) {
  Route by_name = route_to({RouteKeyword::vpn_gateway, {}, {}});
  by_name.gateway = host("b.example");
  const Route kept = route_to({RouteKeyword::remote_host, {}, {}});
  const auto plain = with_addresses({route_to(host("a.example")), by_name, kept}, {{"a.example", {}}});
  EXPECT_THAT(plain, ElementsAre(kept));
}

TEST(RouteNames, AreLookedUpOneAfterTheOther) {
  asio::io_context context;
  RouteNames names(context);
  std::vector<Route> found;
  // A name that every system knows, even one without a file of hosts.
  names.look_up({route_to(host("127.0.0.1")), route_to(host(kNoName))},
                [&found](std::vector<Route> routes) { found = std::move(routes); });
  context.run();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_TRUE(found[0].network.address.is_loopback());
  EXPECT_THAT(names.look_up_now({route_to(host(kNoName))}), IsEmpty());
}

}  // namespace
}  // namespace vpnd::control
