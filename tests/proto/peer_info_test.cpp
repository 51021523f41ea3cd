#include "proto/peer_info.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vpnd::proto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

TEST(PeerInfo, AClientSaysWhatItCanDo) {
  PeerInfoSettings settings;
  settings.version = "vpnd-1.2.3";
  settings.ciphers = "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305";
  settings.variables = {{"UV_ROLE", "lab"}};
  EXPECT_EQ(format_peer_info(settings),
            "IV_VER=vpnd-1.2.3\n"
            "IV_PLAT=linux\n"
            "IV_TCPNL=1\n"
            "IV_MTU=1600\n"
            "IV_NCP=2\n"
            "IV_CIPHERS=AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305\n"
            "IV_PROTO=6046\n"
            "IV_LZO_STUB=1\n"
            "IV_COMP_STUB=1\n"
            "IV_COMP_STUBv2=1\n"
            "UV_ROLE=lab\n");
}

TEST(PeerInfo, NcpIsPromisedOnlyWithBothItsCiphers) {
  PeerInfoSettings settings;
  settings.ciphers = "AES-256-GCM:CHACHA20-POLY1305";
  EXPECT_THAT(format_peer_info(settings), Not(HasSubstr("IV_NCP")));
}

TEST(PeerInfo, VariableThatWouldBreakTheLinesIsLeftOut) {
  PeerInfoSettings settings;
  settings.variables = {{"UV_A", "x\nIV_PROTO=0"}, {"UV B", "x"}, {"", "x"}, {"UV_C", "fine"}};
  const std::string text = format_peer_info(settings);
  EXPECT_THAT(text, Not(HasSubstr("UV_A")));
  EXPECT_THAT(text, Not(HasSubstr("UV B")));
  EXPECT_THAT(text, Not(HasSubstr("\n=x")));
  EXPECT_THAT(text, HasSubstr("UV_C=fine\n"));
}

TEST(PeerInfo, WhatIsWrittenIsReadBack) {
  PeerInfoSettings settings;
  settings.version = "vpnd-1.2.3";
  settings.ciphers = "AES-256-GCM:AES-128-GCM";
  const PeerInfo info = PeerInfo::parse(format_peer_info(settings));
  EXPECT_EQ(info.find("IV_VER"), "vpnd-1.2.3");
  EXPECT_EQ(info.ciphers(), "AES-256-GCM:AES-128-GCM");
  EXPECT_EQ(info.ncp(), 2U);
  EXPECT_EQ(info.proto_bits(), kOwnProtoBits);
  EXPECT_EQ(info.max_tun_mtu(), 1600U);
  EXPECT_TRUE(info.has_compression_stub_v2());
  EXPECT_EQ(info.skipped_lines(), 0U);
}

TEST(PeerInfo, BitsOfStockClientsAreUnderstood) {
  const PeerInfo stock_2_6 = PeerInfo::parse("IV_VER=2.6.12\nIV_PROTO=990\n");
  EXPECT_TRUE(stock_2_6.has(ProtoBit::data_v2));
  EXPECT_TRUE(stock_2_6.has(ProtoBit::request_push));
  EXPECT_TRUE(stock_2_6.has(ProtoBit::tls_key_export));
  EXPECT_TRUE(stock_2_6.has(ProtoBit::cc_exit_notify));
  EXPECT_TRUE(stock_2_6.has(ProtoBit::dynamic_tls_crypt));
  EXPECT_FALSE(stock_2_6.has(ProtoBit::data_epoch));
  const PeerInfo stock_2_4 = PeerInfo::parse("IV_PROTO=2\n");
  EXPECT_TRUE(stock_2_4.has(ProtoBit::data_v2));
  EXPECT_FALSE(stock_2_4.has(ProtoBit::tls_key_export));
}

TEST(PeerInfo, NumbersThatAreNoneCountAsAbsent) {
  for (const char* const number : {"", " 2", "2 ", "-2", "+2", "0x2", "2.0", "99999999999", "two"}) {
    const std::string value(number);
    const PeerInfo info =
        PeerInfo::parse("IV_PROTO=" + value + "\nIV_NCP=" + value + "\nIV_MTU=" + value + "\n");
    EXPECT_EQ(info.proto_bits(), 0U) << value;
    EXPECT_EQ(info.ncp(), 0U) << value;
    EXPECT_FALSE(info.max_tun_mtu()) << value;
  }
}

TEST(PeerInfo, MalformedLinesAreSkippedAndCounted) {
  const PeerInfo info = PeerInfo::parse("IV_A=1\nno equals\n=nameless\nIV B=1\n\nIV_C=3\r\nIV_D=last");
  EXPECT_EQ(info.skipped_lines(), 4U);
  EXPECT_EQ(info.find("IV_A"), "1");
  EXPECT_EQ(info.find("IV_C"), "3");
  EXPECT_EQ(info.find("IV_D"), "last");
}

TEST(PeerInfo, FirstLineOfANameCounts) {
  EXPECT_EQ(PeerInfo::parse("IV_PROTO=2\nIV_PROTO=990\n").proto_bits(), 2U);
}

TEST(PeerInfo, SizesAreBounded) {
  const std::string name(PeerInfo::kMaxNameSize, 'N');
  const std::string value(PeerInfo::kMaxValueSize, 'v');
  EXPECT_EQ(PeerInfo::parse(name + "=" + value).find(name), value);
  EXPECT_EQ(PeerInfo::parse(name + "N=v").skipped_lines(), 1U);
  EXPECT_EQ(PeerInfo::parse("N=" + value + "v").skipped_lines(), 1U);

  std::string many;
  for (std::size_t i = 0; i <= PeerInfo::kMaxLines; ++i) many += "N" + std::to_string(i) + "=\n";
  const PeerInfo info = PeerInfo::parse(many);
  EXPECT_TRUE(info.find("N" + std::to_string(PeerInfo::kMaxLines - 1)));
  EXPECT_FALSE(info.find("N" + std::to_string(PeerInfo::kMaxLines)));

  const std::string beyond = std::string(PeerInfo::kMaxSize - 1, '\n') + "\nIV_PROTO=2";
  EXPECT_EQ(PeerInfo::parse(beyond).proto_bits(), 0U);
}

TEST(PeerInfo, EveryByteValueLeavesAPrintableValue) {
  for (int byte = 0; byte < 256; ++byte) {
    if (byte == '\n' || byte == '\r') continue;
    const char c = static_cast<char>(byte);
    const PeerInfo info = PeerInfo::parse(std::string("UV_X=a") + c + "b");
    const auto value = info.find("UV_X");
    ASSERT_TRUE(value) << byte;
    const bool printable = byte >= 0x20 && byte <= 0x7E;
    EXPECT_EQ(value->at(1), printable ? c : '_') << byte;
  }
}

TEST(PeerInfo, OnlyOwnPrefixesReachTheEnvironmentAndShellSyntaxDoesNot) {
  const PeerInfo info = PeerInfo::parse(
      "PATH=/evil\nLD_PRELOAD=/evil.so\nIVX=1\nIV_VER=2.6.0\nUV_X=$(reboot) `id`\nID=5\niv_low=1\n");
  EXPECT_THAT(info.environment(), ElementsAre(Pair("IV_VER", "2.6.0"), Pair("UV_X", "__reboot)__id_")));
}

TEST(PeerInfo, OutOfBandMethodsAreListed) {
  EXPECT_THAT(PeerInfo::parse("IV_SSO=openurl,,webauth,crtext\n").out_of_band_auth_methods(),
              ElementsAre("openurl", "webauth", "crtext"));
  EXPECT_THAT(PeerInfo::parse("").out_of_band_auth_methods(), IsEmpty());
}

}  // namespace
}  // namespace vpnd::proto
