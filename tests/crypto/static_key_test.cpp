#include "crypto/static_key.hpp"

#include <gtest/gtest.h>

#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

const std::string kBegin = "-----BEGIN OpenVPN Static key V1-----\n";
const std::string kEnd = "-----END OpenVPN Static key V1-----\n";

std::string hex_key() {
  return test::to_hex(test::vector_key().expose());
}

std::string hex_of(const std::optional<StaticKey>& key) {
  return key ? test::to_hex(key->material().expose()) : "absent";
}

TEST(StaticKey, ReadsWhatItWrote) {
  const StaticKey key = StaticKey::generate();
  const auto read = StaticKey::parse(key.format().expose());
  EXPECT_EQ(hex_of(read), hex_of(key.duplicate()));
  EXPECT_NE(hex_of(read), hex_of(StaticKey::generate()));
}

TEST(StaticKey, IgnoresWhatStandsOutsideTheMarksAndAnyLineLength) {
  std::string upper = hex_key();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  std::string short_lines;
  for (std::size_t i = 0; i < upper.size(); i += 6) short_lines += upper.substr(i, 6) + "\r\n";
  for (const std::string& body : {hex_key(), hex_key() + "\n", short_lines, "\t " + hex_key() + " \n"}) {
    const std::string text = "# 2048 bit key, xyz\n" + kBegin + body + kEnd + "trailing zz\n";
    EXPECT_EQ(hex_of(StaticKey::parse(text)), hex_key()) << text;
  }
}

TEST(StaticKey, RefusesDamagedFiles) {
  const std::string body = hex_key() + "\n";
  const std::string damaged[] = {
      "",
      body,
      kBegin + body,
      body + kEnd,
      kEnd + body + kBegin,  // marks missing or in the wrong order
      kBegin + body.substr(1) + kEnd,
      kBegin + body.substr(2) + kEnd,
      kBegin + kEnd,  // too short
      kBegin + "0" + body + kEnd,
      kBegin + "00" + body + kEnd,  // too long
      kBegin + "g" + body.substr(1) + kEnd,
      kBegin + std::string(1, '\0') + body.substr(1) + kEnd,  // not hex
  };
  for (const std::string& text : damaged) EXPECT_FALSE(StaticKey::parse(text)) << text;
}

TEST(StaticKey, KnowsItsParts) {
  const StaticKey key(test::vector_key());
  EXPECT_EQ(key.cipher(KeyHalf::first)[0], std::byte{0});
  EXPECT_EQ(key.hmac(KeyHalf::first)[0], std::byte{64});
  EXPECT_EQ(key.cipher(KeyHalf::second)[0], std::byte{128});
  EXPECT_EQ(key.hmac(KeyHalf::second)[63], std::byte{255});
}

}  // namespace
}  // namespace vpnd::crypto
