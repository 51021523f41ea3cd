#include "vpnd/config/pushed_options.hpp"

#include <gmock/gmock.h>

#include <set>

#include "support.hpp"
#include "vpnd/config/directive.hpp"
#include "vpnd/config/pushed_handlers.hpp"

namespace vpnd::config::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

tunio::IpAddress ip(const char* text) {
  return tunio::IpAddress::parse(text).value();
}

// A client that was told these options, one by one.
struct Client {
  explicit Client(const std::string& lines = "") : options(client_with(lines)) {}

  PushVerdict is_told(std::string_view option) {
    PushResult result = apply_pushed(option, options, pushed);
    text = std::move(result.text);
    return result.verdict;
  }

  Options options;
  PushedOptions pushed;
  std::string text;  // of the last answer
};

TEST(PushedOptions, TakesWhatAStockServerSends) {
  Client client;
  for (const char* option : {"route-gateway 10.8.0.1",
                             "topology subnet",
                             "ping 10",
                             "ping-restart 60",
                             "tun-ipv6",
                             "route 192.168.7.0 255.255.255.0",
                             "route-ipv6 fd00:7::/48",
                             "redirect-gateway def1 bypass-dhcp",
                             "dhcp-option DNS 10.8.0.1",
                             "dns search-domains example.org",
                             "ifconfig-ipv6 fd00:8::1000/64 fd00:8::1",
                             "ifconfig 10.8.0.2 255.255.255.0",
                             "peer-id 5",
                             "cipher aes-256-gcm",
                             "protocol-flags cc-exit tls-ekm dyn-tls-crypt",
                             "tun-mtu 1500",
                             "auth-token SESS_ID_AT_abc",
                             "auth-token-user dXNlcg==",
                             "setenv-safe NAME value",
                             "comp-lzo no",
                             "explicit-exit-notify 2",
                             "sndbuf 65536",
                             "rcvbuf 0",
                             "route-metric 7",
                             "block-ipv6"})
    EXPECT_EQ(client.is_told(option), PushVerdict::applied) << option << ": " << client.text;

  const PushedOptions& pushed = client.pushed;
  EXPECT_EQ(pushed.routing.route_gateway, ip("10.8.0.1"));
  EXPECT_EQ(pushed.addresses.topology, Topology::subnet);
  EXPECT_EQ(pushed.ping, seconds{10});
  EXPECT_EQ(pushed.timeout, seconds{60});
  EXPECT_EQ(pushed.addresses.local, ip("10.8.0.2"));
  EXPECT_EQ(pushed.addresses.netmask_or_peer, ip("255.255.255.0"));
  EXPECT_EQ(pushed.addresses.local_ipv6, tunio::Prefix::parse("fd00:8::1000/64"));
  EXPECT_EQ(pushed.addresses.peer_ipv6, ip("fd00:8::1"));
  EXPECT_EQ(pushed.peer_id, 5u);
  EXPECT_EQ(pushed.cipher, "AES-256-GCM");
  EXPECT_TRUE(pushed.keys_by_exporter);
  EXPECT_TRUE(pushed.exit_by_control_channel);
  EXPECT_TRUE(pushed.dynamic_tls_crypt);
  EXPECT_EQ(pushed.auth_token->expose(), "SESS_ID_AT_abc");
  EXPECT_EQ(pushed.auth_token_user, "user");
  EXPECT_THAT(pushed.foreign_options,
              ElementsAre("dhcp-option DNS 10.8.0.1", "dns search-domains example.org"));
  EXPECT_THAT(pushed.environment, ElementsAre(std::pair<std::string, std::string>("OPENVPN_NAME", "value")));
  EXPECT_EQ(pushed.framing, CompressionFraming::lzo);
  EXPECT_EQ(pushed.routing.routes[0].bits, 24);
  EXPECT_TRUE(pushed.routing.redirect_gateway.bypass_dhcp);
}

TEST(PushedOptions, RefusesHostileValues) {
  const struct {
    std::string option;
    const char* text;
  } cases[] = {
      {"tun-mtu 99", "pushed option: \"99\": out of range; tun-mtu takes 100 to 1600"},
      {"tun-mtu 65535", "pushed option: \"65535\": out of range; tun-mtu takes 100 to 1600"},
      {"tun-mtu -1", "pushed option: \"-1\": out of range; tun-mtu takes 100 to 1600"},
      {"ping 86401", "pushed option: \"86401\": out of range; ping takes 0 to 86400"},
      {"dhcp-option DOMAIN $(reboot)",
       "pushed option: \"$(reboot)\": not a domain name: only letters, digits, '.', '_' and '-'"},
      {"dhcp-option DNS 10.8.0.1;id", "pushed option: \"10.8.0.1;id\": not an IP address"},
      {"dns search-domains a b`id`",
       "pushed option: \"b`id`\": not a domain name: only letters, digits, '.', '_' and '-'"},
      {"ifconfig 0.0.0.0 255.255.255.0", "pushed option: \"0.0.0.0\": not an address for an interface"},
      {"ifconfig 10.8.0.2", "pushed option \"ifconfig 10.8.0.2\": wrong number of arguments"},
      {"ifconfig-ipv6 ff02::1/64", "pushed option: \"ff02::1\": not an address for an interface"},
      {"route vpn.example.org",
       "pushed option: \"vpn.example.org\": not an IPv4 address; the names of hosts need allow-pull-fqdn"},
      // CVE-2025-12106: an address of the other family
      {"route fd00::1 255.0.0.0",
       "pushed option: \"fd00::1\": not an IPv4 address, the name of a host, vpn_gateway, net_gateway or "
       "remote_host"},
      {"tun-mtu 1", "pushed option: \"1\": out of range; tun-mtu takes 100 to 1600"},
      {"peer-id 16777216", "pushed option: \"16777216\": out of range; peer-id takes -1 to 16777215"},
      {"setenv-safe LD_PRELOAD=x 1",
       "pushed option: \"LD_PRELOAD=x\": not a name of an environment variable: only letters, digits and "
       "'_'"},
      {"auth-token-user !!", "pushed option: \"!!\": not a user name in base64"},
      {"auth-token-user ChsK", "pushed option: \"ChsK\": not a user name in base64"},  // "\n\e\n"
      {"route \"10.0.0.0", "pushed option \"route \"10.0.0.0\": a double quote is not closed"},
      {"echo \x1b[2J", "a pushed option with control characters"},
  };
  for (const auto& [option, text] : cases) {
    Client client;
    EXPECT_EQ(client.is_told(option), PushVerdict::refused) << option;
    EXPECT_EQ(client.text, text) << option;
  }
}

TEST(PushedOptions, AllowsNameServersFromZeroOn) {
  Client client;
  EXPECT_EQ(client.is_told("dns server 0 address 10.8.0.1 [fd00::1]:53"), PushVerdict::applied);
  EXPECT_EQ(client.is_told("dns server -1 address 10.8.0.1"), PushVerdict::refused);
  EXPECT_EQ(client.text, "pushed option: \"-1\": out of range; dns takes 0 to 127");
}

TEST(PushedOptions, IgnoresWhatAServerHasNoSayIn) {
  const struct {
    const char* option;
    const char* text;
  } cases[] = {
      {"frobnicate 1", "unknown pushed option \"frobnicate\""},
      {"up /bin/sh", "\"up\" is not taken from a server"},
      {"setenv PATH /tmp", "\"setenv\" is not taken from a server"},
      {"mssfix 1400", "\"mssfix\" is not taken from a server"},
      {"block-outside-dns", ""},  // known, and for another system: not worth a line
      {"", ""},
  };
  for (const auto& [option, text] : cases) {
    Client client;
    EXPECT_EQ(client.is_told(option), PushVerdict::ignored) << option;
    EXPECT_EQ(client.text, text);
  }
}

TEST(PushedOptions, EndsTheSessionOverACipherThatWasNotOffered) {
  Client client("data-ciphers AES-128-GCM\n");
  EXPECT_EQ(client.is_told("cipher AES-128-GCM"), PushVerdict::applied);
  for (const char* option : {"cipher AES-256-GCM", "cipher AES-128-CBC", "cipher none"})
    EXPECT_EQ(client.is_told(option), PushVerdict::fatal) << option;
  EXPECT_EQ(client.text, "the server chose cipher none, which is not in data-ciphers");
}

TEST(PushedOptions, LetsTheFirstMatchingPullFilterDecide) {
  Client client(
      "pull-filter accept \"route 10.\"\npull-filter ignore route\npull-filter reject \"dhcp-option "
      "PROXY\"\n");
  EXPECT_EQ(client.is_told("route 10.0.0.0 255.0.0.0"), PushVerdict::applied);
  EXPECT_EQ(client.is_told("route 172.16.0.0 255.240.0.0"), PushVerdict::ignored);
  EXPECT_EQ(client.text, "\"route 172.16.0.0 255.240.0.0\" is left out by pull-filter");
  EXPECT_EQ(client.is_told("dhcp-option PROXY_HTTP 10.8.0.1 80"), PushVerdict::fatal);
}

TEST(PushedOptions, LeavesOutRoutesAndDnsWithRouteNopull) {
  Client client("route-nopull\n");
  for (const char* option :
       {"route 10.0.0.0 255.0.0.0", "redirect-gateway def1", "dhcp-option DNS 1.1.1.1", "block-ipv6"})
    EXPECT_EQ(client.is_told(option), PushVerdict::ignored) << option;
  EXPECT_EQ(client.is_told("ifconfig 10.8.0.2 255.255.255.0"), PushVerdict::applied);
  EXPECT_THAT(client.pushed.routing.routes, IsEmpty());
}

TEST(PushedOptions, SwitchesPeerIdsOff) {
  for (const char* option : {"peer-id -1", "peer-id 16777215"}) {
    Client client;
    EXPECT_EQ(client.is_told("peer-id 3"), PushVerdict::applied);
    EXPECT_EQ(client.is_told(option), PushVerdict::applied);
    EXPECT_FALSE(client.pushed.peer_id) << option;
  }
}

TEST(PushedOptions, BoundsHowManyRoutesAServerMaySend) {
  Client client;
  for (int i = 0; i < 4096; ++i) ASSERT_EQ(client.is_told("route 10.0.0.0 255.0.0.0"), PushVerdict::applied);
  EXPECT_EQ(client.is_told("route 10.0.0.0 255.0.0.0"), PushVerdict::refused);
}

TEST(PushedOptions, NamesFlagsItDoesNotKnow) {
  Client client;
  EXPECT_EQ(client.is_told("protocol-flags tls-ekm warp-drive"), PushVerdict::applied);
  EXPECT_TRUE(client.pushed.keys_by_exporter);
  EXPECT_EQ(client.text, "unknown protocol flag \"warp-drive\"");
}

TEST(PushedOptions, AreThoseTheTableCallsPushed) {
  std::set<std::string_view> table;
  for (const Directive* directive : all_directives())
    if ((directive->contexts & kPushed) != 0 && directive->verdict == Verdict::works)
      table.insert(directive->name);
  std::set<std::string_view> handlers;
  for (const PushedHandler& handler : pushed_handlers()) handlers.insert(handler.name);
  EXPECT_EQ(table, handlers);
}

TEST(PullFilters, TellInAdvanceWhatTheyLetThrough) {
  Options options;
  options.client.pull_filters = {{FilterAction::accept, "peer-id 7"}, {FilterAction::ignore, "peer-id"}};
  EXPECT_TRUE(passes_pull_filters("peer-id 7", options));
  EXPECT_FALSE(passes_pull_filters("peer-id 0", options));
  EXPECT_TRUE(passes_pull_filters("vpnd-batch 1 1", options));
}

TEST(PushedRoutes, MayNameHostsWhereTheClientAllowsIt) {
  const std::string option = "route site.example 255.255.255.255";
  PushedOptions pushed;
  EXPECT_NE(apply_pushed(option, client_with(""), pushed).verdict, PushVerdict::applied);
  EXPECT_EQ(apply_pushed(option, client_with("allow-pull-fqdn\n"), pushed).verdict, PushVerdict::applied);
  EXPECT_EQ(pushed.routing.routes.at(0).network.host, "site.example");
}

}  // namespace
}  // namespace vpnd::config::testing
