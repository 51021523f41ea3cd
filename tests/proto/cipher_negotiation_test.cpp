#include "proto/cipher_negotiation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vpnd::proto {
namespace {

using crypto::AeadAlgorithm;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const CipherList kOwn = parse_cipher_list(kDefaultCiphers).ciphers;

std::optional<AeadAlgorithm> chosen(std::string_view peer_info, std::string_view options,
                                    std::optional<AeadAlgorithm> fallback = std::nullopt) {
  return choose_cipher(kOwn, fallback, PeerInfo::parse(peer_info), parse_options_string(options));
}

TEST(CipherList, IsReadInOrderWithoutDuplicates) {
  const auto parsed = parse_cipher_list("chacha20-poly1305:AES-256-GCM:?BF-CBC:AES-256-GCM:AES-256-CBC:");
  EXPECT_THAT(parsed.ciphers, ElementsAre(AeadAlgorithm::chacha20_poly1305, AeadAlgorithm::aes_256_gcm));
  EXPECT_THAT(parsed.unknown, ElementsAre("AES-256-CBC"));
  EXPECT_THAT(parsed.unknown_optional, ElementsAre("BF-CBC"));
  EXPECT_EQ(format_cipher_list(parsed.ciphers), "CHACHA20-POLY1305:AES-256-GCM");
}

TEST(CipherList, DefaultStandsForTheUsualList) {
  EXPECT_EQ(format_cipher_list(parse_cipher_list("AES-192-GCM:DEFAULT").ciphers),
            "AES-192-GCM:" + std::string(kDefaultCiphers));
  EXPECT_EQ(format_cipher_list(parse_cipher_list("AES-128-GCM:DEFAULT").ciphers),
            "AES-128-GCM:AES-256-GCM:CHACHA20-POLY1305");
}

TEST(CipherNegotiation, ServersOrderDecidesAmongTheClientsCiphers) {
  EXPECT_EQ(chosen("IV_CIPHERS=CHACHA20-POLY1305:AES-128-GCM\n", ""), AeadAlgorithm::aes_128_gcm);
  EXPECT_EQ(chosen("IV_CIPHERS=aes-256-cbc:chacha20-poly1305\n", ""), AeadAlgorithm::chacha20_poly1305);
}

TEST(CipherNegotiation, OlderClientsSayLess) {
  EXPECT_EQ(chosen("IV_NCP=2\n", "V4,cipher BF-CBC"), AeadAlgorithm::aes_256_gcm);
  EXPECT_EQ(chosen("", "V4,cipher AES-128-GCM"), AeadAlgorithm::aes_128_gcm);
  EXPECT_EQ(chosen("IV_CIPHERS=AES-128-GCM\nIV_NCP=2\n", "V4,cipher AES-256-GCM"), AeadAlgorithm::aes_128_gcm)
      << "the best source counts";
}

TEST(CipherNegotiation, FallbackIsForClientsThatSayNothingOnly) {
  constexpr auto kFallback = AeadAlgorithm::aes_256_gcm;
  EXPECT_EQ(chosen("", "V4", kFallback), kFallback);
  EXPECT_EQ(chosen("", "V4"), std::nullopt);
  EXPECT_EQ(chosen("IV_CIPHERS=BF-CBC\n", "V4", kFallback), std::nullopt);
  EXPECT_EQ(chosen("", "V4,cipher BF-CBC", kFallback), std::nullopt);
}

TEST(CipherNegotiation, CipherIsPushedToWhomUnderstandsIt) {
  EXPECT_TRUE(takes_pushed_cipher(PeerInfo::parse("IV_NCP=2\n")));
  EXPECT_TRUE(takes_pushed_cipher(PeerInfo::parse("IV_CIPHERS=AES-256-GCM\n")));
  EXPECT_FALSE(takes_pushed_cipher(PeerInfo::parse("IV_PROTO=2\n")));
}

TEST(NegotiationPush, TellsEachClientOnlyWhatItAnnounced) {
  const auto pushed = [](std::string_view peer_info) {
    return negotiation_push_options(AeadAlgorithm::aes_256_gcm, PeerInfo::parse(peer_info));
  };
  EXPECT_THAT(pushed("IV_NCP=2\nIV_PROTO=990\n"),
              ElementsAre("cipher AES-256-GCM", "protocol-flags cc-exit tls-ekm dyn-tls-crypt"));
  EXPECT_THAT(pushed("IV_CIPHERS=AES-256-GCM\nIV_PROTO=478\n"),
              ElementsAre("cipher AES-256-GCM", "protocol-flags cc-exit tls-ekm"));
  EXPECT_THAT(pushed("IV_NCP=2\nIV_PROTO=14\n"), ElementsAre("cipher AES-256-GCM", "key-derivation tls-ekm"));
  EXPECT_THAT(pushed("IV_NCP=2\nIV_PROTO=2\n"), ElementsAre("cipher AES-256-GCM"));
  EXPECT_THAT(pushed(""), IsEmpty());
}

TEST(NegotiationPush, NothingIsSwitchedOnThatTheClientCannotBeToldOf) {
  const PeerInfo client = PeerInfo::parse("IV_PROTO=522\n");  // dynamic tls-crypt without protocol-flags
  EXPECT_EQ(choose_protocol_flags(client), (ProtocolFlags{true, false, false}));
}

TEST(ClientCipher, PushedOneMustBeInTheOwnList) {
  const auto accept = [](std::optional<std::string_view> pushed, std::string_view options,
                         std::optional<AeadAlgorithm> fallback = std::nullopt) {
    return accept_cipher(kOwn, fallback, pushed, parse_options_string(options));
  };
  EXPECT_EQ(accept("aes-128-gcm", "").cipher, AeadAlgorithm::aes_128_gcm);
  EXPECT_FALSE(accept("AES-256-CBC", "V4,cipher AES-256-GCM").cipher);
  EXPECT_THAT(accept("AES-192-GCM", "").error,
              HasSubstr("AES-192-GCM, which is not in data-ciphers (AES-256-GCM:"));
  EXPECT_EQ(accept(std::nullopt, "V4,cipher AES-128-GCM").cipher, AeadAlgorithm::aes_128_gcm);
  EXPECT_EQ(accept(std::nullopt, "V4", AeadAlgorithm::aes_256_gcm).cipher, AeadAlgorithm::aes_256_gcm);
  EXPECT_FALSE(accept(std::nullopt, "V4,cipher BF-CBC").cipher);
  EXPECT_THAT(accept(std::nullopt, "V4,cipher BF-CBC").error, HasSubstr("BF-CBC"));
}

}  // namespace
}  // namespace vpnd::proto
