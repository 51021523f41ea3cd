#include "vpnd/config/client_config.hpp"

#include <gmock/gmock.h>

namespace vpnd::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

tunio::IpAddress ip(const char* text) {
  return tunio::IpAddress::parse(text).value();
}
tunio::Prefix prefix(const char* text) {
  return tunio::Prefix::parse(text).value();
}

std::vector<std::string> warnings(std::string_view text) {
  std::vector<std::string> lines;
  for (const Diagnostic& warning : parse_client_config(text, "ccd/me").warnings)
    lines.push_back(format(warning));
  return lines;
}

std::vector<std::string> merged(const std::vector<const char*>& common, std::string_view client) {
  std::vector<PushedText> options;
  for (const char* text : common) options.push_back({text, {}});
  std::vector<std::string> texts;
  for (const PushedText& option : merge_push(options, parse_client_config(client, "ccd/me").config))
    texts.push_back(option.text);
  return texts;
}

TEST(ClientConfig, ReadsWhatMayStandInAClientFile) {
  const auto [config, none] = parse_client_config(
      "# a branch office\nifconfig-push 10.8.0.7 255.255.255.0\nifconfig-ipv6-push fd00:8::7/64 fd00:8::1\n"
      "iroute 192.168.7.0 255.255.255.0\niroute 192.168.8.1\niroute-ipv6 fd00:7::/48\ndata-ciphers "
      "AES-128-GCM\nmax-routes-per-client 5\noverride-username branch\n",
      "ccd/me");
  EXPECT_EQ(config.max_networks, 5u);
  EXPECT_EQ(config.username, "branch");
  EXPECT_THAT(none, IsEmpty());
  EXPECT_FALSE(config.disabled);
  EXPECT_EQ(config.address->address, ip("10.8.0.7"));
  EXPECT_EQ(config.address->netmask_or_peer, ip("255.255.255.0"));
  EXPECT_EQ(config.address_ipv6->address, prefix("fd00:8::7/64"));
  EXPECT_EQ(config.address_ipv6->gateway, ip("fd00:8::1"));
  EXPECT_THAT(config.networks,
              ElementsAre(prefix("192.168.7.0/24"), prefix("192.168.8.1/32"), prefix("fd00:7::/48")));
  EXPECT_THAT(*config.ciphers, ElementsAre("AES-128-GCM"));
}

TEST(ClientConfig, LeavesOutFaultyLinesAndSaysSo) {
  const struct {
    const char* line;
    const char* warning;
  } cases[] = {
      {"frobnicate", "ccd/me:1: \"frobnicate\": unknown in a client file"},
      {"verb 3", "ccd/me:1: \"verb\": not allowed in a client file"},
      {"ifconfig-push 10.8.0.7", "ccd/me:1: \"ifconfig-push\": takes ADDRESS NETMASK"},
      {"ifconfig-push host 255.255.255.0", "ccd/me:1: \"host\": not an IPv4 address"},
      {"iroute 10.0.0.1 255.0.0.0",
       "ccd/me:1: \"10.0.0.1\": not the address of a network with this netmask; did you mean 10.0.0.0?"},
      {"push \"a,b\"",
       "ccd/me:1: \"a,b\": a pushed option cannot contain a comma: commas separate options on the wire"},
      {"push-reset now", "ccd/me:1: \"push-reset\": takes no argument"},
      {"max-routes-per-client 0", "ccd/me:1: \"0\": out of range; max-routes-per-client takes 1 to 65536"},
      {"push \"a", "ccd/me:1: a double quote is not closed"},
  };
  for (const auto& [line, warning] : cases) EXPECT_THAT(warnings(line), ElementsAre(warning)) << line;
  EXPECT_THAT(parse_client_config("frobnicate\niroute 10.0.0.0 255.0.0.0\n", "x").config.networks,
              ElementsAre(prefix("10.0.0.0/8")));
}

TEST(ClientConfig, DisablesEvenWithStrayArguments) {
  EXPECT_TRUE(parse_client_config("disable\n", "x").config.disabled);
  EXPECT_TRUE(parse_client_config("disable now please\n", "x").config.disabled);
}

TEST(ClientConfig, ChangesThePushListInOrder) {
  EXPECT_THAT(merged({"a", "b"}, "push c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(merged({"a", "b"}, "push c\npush-reset\npush d"), ElementsAre("d"));
  EXPECT_THAT(merged({"dhcp-option DNS 1.1.1.1", "dhcp-option DOMAIN x", "ping 10"},
                     "push-remove \"dhcp-option DNS\""),
              ElementsAre("dhcp-option DOMAIN x", "ping 10"));
}

TEST(ClientConfig, DoesNotPushARouteToTheClientThatHasTheNetwork) {
  EXPECT_THAT(merged({"route 192.168.7.0 255.255.255.0", "route 192.168.8.0 255.255.255.0",
                      "route-ipv6 fd00:7::/48", "route vpn_gateway"},
                     "iroute 192.168.7.0 255.255.255.0\niroute-ipv6 fd00:7::/48"),
              ElementsAre("route 192.168.8.0 255.255.255.0", "route vpn_gateway"));
}

TEST(ClientConfig, TurnsCommonNamesIntoFileNamesThatStayInTheirFolder) {
  const struct {
    const char* common_name;
    const char* file;
  } cases[] = {
      {"alice", "alice"},
      {"Alice Smith", "Alice Smith"},
      {"a@b.org", "a@b.org"},
      {"../../etc/passwd", ".._.._etc_passwd"},
      {".", "_"},
      {"..", "__"},
      {"a\nb\x7f", "a_b_"},
      {"", ""},
      {"J\xc3\xbcrgen", "J\xc3\xbcrgen"},
  };
  for (const auto& [common_name, file] : cases) EXPECT_EQ(client_config_file_name(common_name), file);
}

}  // namespace
}  // namespace vpnd::config
