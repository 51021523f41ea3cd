#include "crypto/certificate.hpp"

#include <gtest/gtest.h>

#include "crypto/x509_facts.hpp"
#include "tests/crypto/bytes.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::crypto {
namespace {

CertificateFacts facts_of(const test::Identity& identity) {
  return describe(read_certificates(identity.cert).objects.at(0).get());
}

TEST(CertificateFacts, DescribeACertificate) {
  test::TestCa ca;
  const test::Identity identity = ca.issue({.common_name = "client-1", .organisation = "Example, Ltd"});
  const CertificateFacts facts = facts_of(identity);
  EXPECT_EQ(facts.common_name, "client-1");
  EXPECT_EQ(facts.subject, "O=Example, Ltd, CN=client-1");
  EXPECT_EQ(facts.serial_decimal, "4660");
  EXPECT_EQ(facts.serial_hex, "12:34");
  EXPECT_EQ(facts.key_description, "256 bits EC");
  EXPECT_EQ(format_fingerprint(facts.fingerprint), test::fingerprint_of(identity.cert));
  const auto left = facts.not_after - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours{24 * 364});
  EXPECT_LT(left, std::chrono::hours{24 * 366});
}

TEST(CertificateFacts, NeverHoldControlCharacters) {
  test::TestCa ca;
  const struct {
    std::string name;
    std::string common_name;
  } names[] = {
      {std::string("admin\0.evil", 11), "admin_.evil"},  // no C string may read "admin" out of it
      {"two\r\nlines\tand\x7f", "two__lines_and_"},
      {"Jürgen,Ünal", "Jürgen,Ünal"},
      {std::string(64, 'x'), std::string(64, 'x')},
  };
  for (const auto& [name, common_name] : names) {
    const CertificateFacts facts = facts_of(ca.issue({.common_name = name}));
    EXPECT_EQ(facts.common_name, common_name);
    for (const char c : facts.subject) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
  }
  EXPECT_EQ(facts_of(ca.issue({.common_name = ""})).common_name, "");
}

TEST(CertificateFacts, AreAbsentForAnythingButOneCertificate) {
  EXPECT_FALSE(describe_certificate({}));
  EXPECT_FALSE(describe_certificate(test::counting(500)));
}

TEST(Fingerprint, IsReadWithAndWithoutColons) {
  const std::string hex = test::to_hex(test::counting(32));
  const auto plain = parse_fingerprint(hex);
  ASSERT_TRUE(plain);
  EXPECT_EQ(parse_fingerprint(format_fingerprint(*plain)), plain);
  EXPECT_EQ(parse_fingerprint("  " + format_fingerprint(*plain) + "\r\n"), plain);
  const std::string colons = format_fingerprint(*plain);
  const std::string damaged[] = {
      "",         "  ",         hex.substr(1), hex.substr(2),       hex + "0",
      hex + "00", colons + ":", ":" + colons,  "g" + hex.substr(1), hex.substr(0, 32)};
  for (const std::string& text : damaged) EXPECT_FALSE(parse_fingerprint(text)) << text;
}

}  // namespace
}  // namespace vpnd::crypto
