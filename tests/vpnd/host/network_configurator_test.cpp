// In a network namespace of its own, made anew for every test:
//
//     lan0  192.0.2.2/24, 2001:db8::2/64   default routes via 192.0.2.1 and 2001:db8::1
//     tun0  10.8.0.2/24, fd00::2/64        stands for the tunnel (an end of a veth pair, as lan0 is)
//
// What `ip` shows before and after is the measure, so that our own reading of the tables is not.

#include "vpnd/host/network_configurator.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "vpnd/host/privileges.hpp"

namespace vpnd::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tunio::IpAddress;
using tunio::IpFamily;
using tunio::Prefix;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

Route route(std::string_view destination, std::optional<std::string_view> gateway, std::string_view device) {
  Route result{Prefix::parse(destination).value(), std::nullopt, std::string(device), std::nullopt,
               kMainTable};
  if (gateway) result.gateway = address(*gateway);
  return result;
}

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot run " + command;
  std::string text;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 1; got > 0;) {
    got = ::fread(buffer.data(), 1, buffer.size(), pipe);
    text.append(buffer.data(), got);
  }
  ::pclose(pipe);
  return text;
}

class NetworkConfiguratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes a network namespace";
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "cannot make a network namespace here";
    for (const char* const device : {"lan0", "tun0"}) {
      ip(fmt::format("link add {0} type veth peer name {0}p", device));
      for (const char* const end : {"", "p"})
        ip(fmt::format("link set {}{} addrgenmode none up", device, end));
    }
    ip("addr add 192.0.2.2/24 dev lan0");
    ip("addr add 2001:db8::2/64 dev lan0 nodad");
    ip("addr add 10.8.0.2/24 dev tun0");
    ip("addr add fd00::2/64 dev tun0 nodad");
    ip("route add default via 192.0.2.1");
    ip("route add default via 2001:db8::1");
    request_.device = "tun0";
    request_.gateway_ipv4 = address("10.8.0.1");
    request_.gateway_ipv6 = address("fd00::1");
    request_.server = address("198.51.100.1");
  }

  static void ip(const std::string& arguments) {
    ASSERT_EQ(std::system(("ip " + arguments).c_str()), 0) << "ip " << arguments;
  }
  // Everything a route or an address could have changed.
  static std::string network() {
    return output_of("ip -4 route show table all; ip -6 route show table all; ip -o addr; ip -o link");
  }
  static std::string routes(const std::string& filter = "") { return output_of("ip route show " + filter); }

  RedirectGateway request_;
};

TEST_F(NetworkConfiguratorTest, RestoresTheNetworkForEveryCombinationOfRedirectFlags) {
  const std::string before = network();
  request_.bypass = {address("192.0.2.53"), address("203.0.113.53"), address("2001:db8:1::53")};
  for (unsigned flags = 0; flags < 128; ++flags) {
    RedirectGateway request = request_;
    request.ipv4 = (flags & 1) != 0;
    request.ipv6 = (flags & 2) != 0;
    request.change_default = (flags & 4) != 0;
    request.def1 = (flags & 8) != 0;
    request.local = (flags & 16) != 0;
    request.autolocal = (flags & 32) != 0;
    request.block_local = (flags & 64) != 0;
    {
      NetworkConfigurator configurator;
      const ChangeResult result = configurator.redirect_gateway(request);
      ASSERT_TRUE(result.ok()) << result.reason << ", flags " << flags;
      const auto far = configurator.path_to(address("203.0.113.1"));
      ASSERT_TRUE(far);
      EXPECT_EQ(far->device, request.ipv4 && request.change_default ? "tun0" : "lan0") << flags;
      const auto far_ipv6 = configurator.path_to(address("2a00::1"));
      ASSERT_TRUE(far_ipv6);
      EXPECT_EQ(far_ipv6->device, request.ipv6 && request.change_default ? "tun0" : "lan0") << flags;
      if (!request.local) {
        EXPECT_EQ(configurator.path_to(*request.server)->device, "lan0") << flags;
      }
      EXPECT_EQ(configurator.path_to(address("192.0.2.77"))->device,
                request.ipv4 && request.block_local ? "tun0" : "lan0")
          << flags;
      EXPECT_EQ(configurator.path_to(address("192.0.2.53"))->device,
                configurator.path_to(address("203.0.113.53"))->device)
          << flags;
      const std::string changed = network();
      ASSERT_TRUE(configurator.redirect_gateway(request).ok());
      ASSERT_EQ(network(), changed) << "a second call changed something, flags " << flags;
      ASSERT_THAT(configurator.restore(), IsEmpty()) << flags;
      ASSERT_EQ(network(), before) << "restore, flags " << flags;
      ASSERT_TRUE(configurator.redirect_gateway(request).ok());
    }
    ASSERT_EQ(network(), before) << "destructor, flags " << flags;
  }
}

TEST_F(NetworkConfiguratorTest, PutsDefaultRoutesBackAsTheyWere) {
  ip("route del default");
  const char* const defaults[] = {
      "route add default via 192.0.2.1 dev lan0 proto dhcp src 192.0.2.2 mtu 1400 initcwnd 20",
      "route add default nexthop via 192.0.2.1 weight 3 nexthop via 192.0.2.9 weight 1",
      "route add default nhid 7",
      "route add default dev lan0 scope link",
      "route add default via 192.0.2.9 dev lan0 onlink",
  };
  ip("nexthop add id 7 via 192.0.2.1 dev lan0");
  ip("route add default via 192.0.2.3 metric 100");  // loses to ours: stays
  for (const char* const old : defaults) {
    ip(old);
    const std::string before = network();
    NetworkConfigurator configurator;
    const ChangeResult result = configurator.redirect_gateway(request_);
    ASSERT_TRUE(result.ok()) << result.reason << ": " << old;
    EXPECT_THAT(routes("default"), HasSubstr("default via 10.8.0.1 dev tun0"));
    EXPECT_THAT(routes("default"), HasSubstr("192.0.2.3"));
    EXPECT_EQ(configurator.path_to(address("203.0.113.1"))->device, "tun0");
    EXPECT_THAT(configurator.restore(), IsEmpty()) << old;
    EXPECT_EQ(network(), before) << old;
    ip("route del default metric 0");
  }
}

TEST_F(NetworkConfiguratorTest, LeavesRoutesThatWereThereBefore) {
  ip("route add 10.20.0.0/16 via 10.8.0.1 dev tun0");
  ip("route add 198.51.100.1 via 192.0.2.1");
  const std::string before = network();
  {
    NetworkConfigurator configurator;
    EXPECT_TRUE(configurator.add_route(route("10.20.0.0/16", "10.8.0.1", "tun0")).ok());
    EXPECT_TRUE(configurator.keep_path(address("198.51.100.1")).ok());
    EXPECT_TRUE(configurator.remove_route(route("10.20.0.0/16", "10.8.0.1", "tun0")).ok());
    EXPECT_EQ(network(), before);
  }
  EXPECT_EQ(network(), before);
}

TEST_F(NetworkConfiguratorTest, RefusesToPassAnotherRouteOffAsItsOwn) {
  ip("route add 10.20.0.0/16 via 192.0.2.1");
  const std::string before = network();
  NetworkConfigurator configurator;
  const ChangeResult result = configurator.add_route(route("10.20.0.0/16", "10.8.0.1", "tun0"));
  EXPECT_EQ(result.error, std::errc::file_exists);
  EXPECT_EQ(result.reason,
            "add route 10.20.0.0/16 via 10.8.0.1 dev tun0: there is another route to that network");
  EXPECT_EQ(network(), before);
}

TEST_F(NetworkConfiguratorTest, TakesEverythingBackWhenOneRouteOfARedirectFails) {
  ip("route add 128.0.0.0/1 via 192.0.2.1");  // another VPN was faster
  const std::string before = network();
  request_.def1 = true;
  NetworkConfigurator configurator;
  EXPECT_THAT(configurator.redirect_gateway(request_).reason, HasSubstr("128.0.0.0/1"));
  EXPECT_EQ(network(), before);
}

TEST_F(NetworkConfiguratorTest, FailsWhenTheServerIsUnreachableAndNeedsAHostRoute) {
  ip("route del default");
  const std::string before = network();
  NetworkConfigurator configurator;
  EXPECT_THAT(configurator.redirect_gateway(request_).reason, HasSubstr("198.51.100.1"));
  EXPECT_EQ(network(), before);
  EXPECT_EQ(configurator.path_to(address("203.0.113.1")), std::nullopt);
  EXPECT_EQ(configurator.default_path(IpFamily::v4), std::nullopt);
}

TEST_F(NetworkConfiguratorTest, AddsAndRemovesRoutesWithMetricAndTable) {
  const std::string before = network();
  NetworkConfigurator configurator;
  Route first = route("10.30.0.0/16", "10.8.0.1", "tun0");
  first.metric = 50;
  Route second = route("fd20::/48", std::nullopt, "tun0");
  second.table = 1000;
  ASSERT_TRUE(configurator.add_route(first).ok());
  ASSERT_TRUE(configurator.add_route(second).ok());
  ASSERT_TRUE(configurator.add_route(route("10.31.0.0/16", "10.8.0.1", "")).ok());
  EXPECT_THAT(routes(), HasSubstr("10.30.0.0/16 via 10.8.0.1 dev tun0 metric 50"));
  EXPECT_THAT(routes(), HasSubstr("10.31.0.0/16 via 10.8.0.1 dev tun0"));
  EXPECT_THAT(output_of("ip -6 route show table 1000"), HasSubstr("fd20::/48 dev tun0"));
  ASSERT_TRUE(configurator.remove_route(first).ok());
  EXPECT_THAT(routes(), Not(HasSubstr("10.30.0.0/16")));
  EXPECT_THAT(configurator.restore(), IsEmpty());
  EXPECT_EQ(network(), before);
}

TEST_F(NetworkConfiguratorTest, ExplainsRoutesThatCannotBe) {
  NetworkConfigurator configurator;
  EXPECT_EQ(configurator.add_route(route("10.30.0.0/16", std::nullopt, "tun7")).reason,
            "add route 10.30.0.0/16 dev tun7: there is no device tun7");
  EXPECT_EQ(
      configurator.add_route(route("10.30.0.0/16", "172.31.0.1", "tun0")).reason,
      "add route 10.30.0.0/16 via 172.31.0.1 dev tun0: Network is unreachable (Nexthop has invalid gateway)");
}

TEST_F(NetworkConfiguratorTest, SetsUpADeviceAndLeavesItAsItWas) {
  ip("link set tun0 mtu 1400 txqueuelen 700 down");
  ip("addr flush dev tun0");
  const std::string before = network();
  {
    NetworkConfigurator configurator;
    ASSERT_TRUE(configurator.configure_link("tun0", {1300, 5000, true}).ok());
    ASSERT_TRUE(configurator.add_address("tun0", address("10.9.0.1"), 24).ok());
    ASSERT_TRUE(configurator.add_address("tun0", address("10.9.0.1"), 24).ok());
    ASSERT_TRUE(configurator.add_peer_address("tun0", address("10.9.1.6"), address("10.9.1.5")).ok());
    ASSERT_TRUE(configurator.add_address("tun0", address("fd09::1"), 64).ok());
    const std::string link = output_of("ip link show tun0");
    EXPECT_THAT(link, HasSubstr("mtu 1300"));
    EXPECT_THAT(link, HasSubstr("qlen 5000"));
    EXPECT_THAT(link, HasSubstr("UP"));
    EXPECT_THAT(output_of("ip addr show tun0"), HasSubstr("inet 10.9.1.6 peer 10.9.1.5/32"));
    EXPECT_THAT(configurator.addresses("tun0"),
                ElementsAre(*Prefix::parse("10.9.0.1/24"), *Prefix::parse("10.9.1.6/32"),
                            *Prefix::parse("fd09::1/64")));
    EXPECT_EQ(configurator.path_to(address("10.9.0.77"))->device, "tun0");
  }
  EXPECT_EQ(network(), before);
}

TEST_F(NetworkConfiguratorTest, ForgetsAboutADeviceThatWentAway) {
  NetworkConfigurator configurator;
  ASSERT_TRUE(configurator.configure_link("tun0", {1300, {}, {}}).ok());
  ASSERT_TRUE(configurator.add_address("tun0", address("10.9.0.1"), 24).ok());
  ASSERT_TRUE(configurator.add_route(route("10.30.0.0/16", "10.9.0.7", "tun0")).ok());
  ASSERT_TRUE(configurator.add_route(route("10.31.0.0/16", "10.9.0.7", "")).ok());
  request_.def1 = true;
  ASSERT_TRUE(configurator.redirect_gateway(request_).ok());
  ip("link del tun0");
  EXPECT_THAT(configurator.restore(), IsEmpty());
  EXPECT_THAT(routes(), Not(HasSubstr("198.51.100.1")));
}

TEST_F(NetworkConfiguratorTest, SaysWhichWayAnAddressGoes) {
  NetworkConfigurator configurator;
  const auto far = configurator.path_to(address("203.0.113.1"));
  ASSERT_TRUE(far);
  EXPECT_EQ(far->gateway, address("192.0.2.1"));
  EXPECT_EQ(far->device, "lan0");
  EXPECT_EQ(far->source, address("192.0.2.2"));
  EXPECT_EQ(configurator.path_to(address("192.0.2.9"))->gateway, std::nullopt);
  EXPECT_EQ(configurator.default_path(IpFamily::v6)->gateway, address("2001:db8::1"));
  ip("route add default via 192.0.2.7 metric 5");
  EXPECT_EQ(configurator.default_path(IpFamily::v4)->gateway, address("192.0.2.1")) << "metric 0 is better";
  EXPECT_THAT(configurator.addresses("none"), IsEmpty());
}

TEST_F(NetworkConfiguratorTest, NamesTheMissingCapability) {
  EXPECT_EXIT(
      {
        PrivilegeRequest powerless;
        powerless.user = "nobody";
        drop_privileges(powerless);
        NetworkConfigurator configurator;
        const ChangeResult result = configurator.add_route(route("10.30.0.0/16", "10.8.0.1", "tun0"));
        std::fprintf(stderr, "%s\n", result.reason.c_str());
        ::_exit(0);
      },
      ::testing::ExitedWithCode(0),
      "add route 10.30.0.0/16 via 10.8.0.1 dev tun0: Operation not permitted \\(needs CAP_NET_ADMIN\\)");
}

}  // namespace
}  // namespace vpnd::host
