#include "proto/options_string.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vpnd::proto {
namespace {

using crypto::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(OptionsString, IsTheOneOfAStockClientOverUdp) {
  EXPECT_EQ(format_options_string({}),
            "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4,cipher AES-256-GCM,auth [null-digest],"
            "keysize 256,key-method 2,tls-client");
}

TEST(OptionsString, NamesTheSideOfATcpConnection) {
  OptionsStringSettings settings;
  settings.link = LinkProtocol::tcp_v4;
  EXPECT_THAT(format_options_string(settings), HasSubstr("link-mtu 1551,tun-mtu 1500,proto TCPv4_CLIENT,"));
  settings.role = Role::server;
  settings.link = LinkProtocol::tcp_v6;
  EXPECT_THAT(format_options_string(settings), HasSubstr("proto TCPv6_SERVER,"));
  EXPECT_THAT(format_options_string(settings), testing::EndsWith(",tls-server"));
}

TEST(OptionsString, SaysWhatElseIsInUse) {
  OptionsStringSettings settings;
  settings.cipher = "AES-128-GCM";
  settings.tls_auth = true;
  settings.key_direction = 1;
  settings.comp_lzo = true;
  EXPECT_EQ(format_options_string(settings),
            "V4,dev-type tun,link-mtu 1550,tun-mtu 1500,proto UDPv4,comp-lzo,keydir 1,cipher AES-128-GCM,"
            "auth [null-digest],keysize 128,tls-auth,key-method 2,tls-client");
}

TEST(OptionsString, FieldsThatAreActedUponAreFound) {
  const auto options = parse_options_string(
      "V4,dev-type tun,link-mtu 1557,tun-mtu 1400,proto UDPv4,comp-lzo,cipher AES-256-CBC,auth "
      "SHA1,tls-client");
  EXPECT_EQ(options.cipher, "AES-256-CBC");
  EXPECT_TRUE(options.comp_lzo);
  EXPECT_EQ(options.tun_mtu, 1400U);
}

TEST(OptionsString, AbsentOrOddFieldsStayEmpty) {
  for (const char* const text : {"", "V4", "V4,cipher [null-cipher],tun-mtu x", "cipher ,tun-mtu", ",,,",
                                 "V4,comp-lzotic,cipher\tAES-256-GCM,tun-mtu 99999999999"}) {
    const auto options = parse_options_string(text);
    EXPECT_FALSE(options.cipher) << text;
    EXPECT_FALSE(options.comp_lzo) << text;
    EXPECT_FALSE(options.tun_mtu) << text;
  }
}

TEST(OptionsString, WhatFollowsFromTheNegotiationIsNoDifference) {
  EXPECT_THAT(
      compare_options_strings(
          "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4,cipher AES-256-GCM,auth [null-digest],"
          "keysize 256,key-method 2,tls-client",
          "V4,dev-type tun,link-mtu 1557,tun-mtu 1500,proto UDPv6,keydir 1,cipher AES-256-CBC,auth SHA1,"
          "keysize 128,tls-auth,key-method 2,tls-client"),
      IsEmpty());
}

TEST(OptionsString, DifferentTunnelsAreNamed) {
  EXPECT_THAT(
      compare_options_strings("V4,dev-type tun,tun-mtu 1500,comp-lzo,tls-client",
                              "V4,dev-type tap,mtu-dynamic,tun-mtu 1500,tls-client"),
      ElementsAre("'dev-type' is used inconsistently, local='dev-type tun', remote='dev-type tap'",
                  "'comp-lzo' is present in local config but missing in remote config, local='comp-lzo'",
                  "'mtu-dynamic' is present in remote config but missing in local config, "
                  "remote='mtu-dynamic'"));
}

TEST(OptionsString, APeerOfTheOtherRoleIsConsistent) {
  const OptionsStringSettings server{.role = crypto::Role::server, .link = LinkProtocol::tcp_v6};
  const OptionsStringSettings client{.role = crypto::Role::client};
  EXPECT_THAT(options_inconsistencies(server, format_options_string(client), {}), IsEmpty());
  EXPECT_THAT(options_inconsistencies(client, format_options_string(server), {}), IsEmpty());
  EXPECT_THAT(options_inconsistencies(server, format_options_string(server), {}),
              ElementsAre(HasSubstr("'tls-client' is present in local config"),
                          HasSubstr("'tls-server' is present in remote config")));
}

TEST(OptionsString, WhatAPushSettlesIsConsistent) {
  const OptionsStringSettings server{.role = crypto::Role::server, .tun_mtu = 9000};
  const std::string client = format_options_string({.tun_mtu = 1500, .comp_lzo = true});
  EXPECT_THAT(options_inconsistencies(server, client, {}),
              ElementsAre("'tun-mtu' is used inconsistently, local='tun-mtu 9000', remote='tun-mtu 1500'",
                          "'comp-lzo' is present in remote config but missing in local config, "
                          "remote='comp-lzo'"));
  EXPECT_THAT(options_inconsistencies(server, client, {.tun_mtu = true}),
              ElementsAre(HasSubstr("'comp-lzo'")));
  EXPECT_THAT(options_inconsistencies(server, client, {.tun_mtu = true, .compression = true}), IsEmpty());
}

TEST(OptionsString, APeerThatSaysNothingIsNotCompared) {
  EXPECT_THAT(options_inconsistencies({}, "", {}), IsEmpty());
  EXPECT_THAT(options_inconsistencies({}, "V0 UNDEF", {}), IsEmpty());
}

TEST(OptionsString, TextOfThePeerIsMadeHarmless) {
  const auto differences =
      compare_options_strings("dev-type tun", "dev-type \x1b[2J" + std::string(400, 'x'));
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_THAT(differences[0], HasSubstr("'dev-type _[2Jxxx"));
  EXPECT_LT(differences[0].size(), 200U);
}

}  // namespace
}  // namespace vpnd::proto
