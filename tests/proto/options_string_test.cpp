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
  EXPECT_THAT(compare_options_strings("V4,dev-type tun,tun-mtu 1500,comp-lzo,tls-client",
                                      "V4,dev-type tap,mtu-dynamic,tun-mtu 1500,tls-client"),
              ElementsAre("this side expects 'dev-type tun', the other side has 'dev-type tap'",
                          "'comp-lzo' is missing on the other side",
                          "the other side has 'mtu-dynamic', this side does not expect it"));
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
