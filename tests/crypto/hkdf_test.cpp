#include "crypto/hkdf.hpp"

#include <gtest/gtest.h>

#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

// RFC 5869 A.3: SHA-256 without salt and info.
TEST(Hkdf, GivesTheAnswersOfTheRfcWithoutSalt) {
  const auto key = hkdf_extract(test::Bytes(22, std::byte{0x0b}));
  EXPECT_EQ(test::to_hex(key.expose()), "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
  test::Bytes out(42);
  hkdf_expand(key.expose(), {}, out);
  EXPECT_EQ(test::to_hex(out),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// RFC 5869 A.1, the second step.
TEST(Hkdf, GivesTheAnswersOfTheRfcWithInfo) {
  const auto key = test::from_hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  test::Bytes out(42);
  hkdf_expand(key, test::from_hex("f0f1f2f3f4f5f6f7f8f9"), out);
  EXPECT_EQ(test::to_hex(out),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

}  // namespace
}  // namespace vpnd::crypto
