#include "crypto/mac.hpp"

#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::counting;

TEST(Digest, KnowsTheNamesOfAuthOptions) {
  const struct {
    const char* name;
    std::size_t size;
  } known[] = {{"SHA1", 20},   {"sha1", 20},     {"SHA256", 32},
               {"SHA512", 64}, {"SHA3-256", 32}, {"BLAKE2b512", 64}};
  for (const auto& [name, size] : known) {
    const auto digest = Digest::from_name(name);
    ASSERT_TRUE(digest) << name;
    EXPECT_EQ(digest->size(), size) << name;
  }
  for (const char* unusable : {"", "none", "SHAKE128", "no-such-digest"})
    EXPECT_FALSE(Digest::from_name(unusable));
}

TEST(Hmac, AgreesWithOpenSslForEveryKeyAndMessageSize) {
  for (const char* name : {"SHA1", "SHA256", "SHA384", "SHA512", "SHA3-224"}) {
    const Digest digest = Digest::from_name(name).value();
    for (const std::size_t key_size : {1UL, 20UL, 32UL, 63UL, 64UL, 65UL, 128UL, 144UL, 145UL, 200UL}) {
      const Bytes key = counting(key_size, 3);
      const Hmac hmac(digest, key);
      for (std::size_t size = 0; size < 300; size += 7) {
        const Bytes message = counting(size);
        Bytes expected(digest.size());
        unsigned int expected_size = 0;
        ::HMAC(digest.native(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(message.data()), message.size(),
               reinterpret_cast<unsigned char*>(expected.data()), &expected_size);
        const auto whole = std::span<const std::byte>(message);
        const std::span<const std::byte> pieces[] = {whole.first(size / 3), {}, whole.subspan(size / 3)};
        Bytes tag(digest.size());
        hmac.compute(pieces, tag);
        ASSERT_EQ(tag, expected) << name << " key " << key_size << " message " << size;
      }
    }
  }
}

TEST(CookieMac, IsStableUnderItsKeyAndDiffersUnderAnother) {
  const CookieMac mac;
  const CookieMac other;
  const Bytes message = counting(20);
  const Bytes changed = counting(20, 1);
  const std::span<const std::byte> pieces[] = {message};
  const std::span<const std::byte> changed_pieces[] = {changed};
  EXPECT_EQ(mac.compute(pieces), mac.compute(pieces));
  EXPECT_NE(mac.compute(pieces), mac.compute(changed_pieces));
  EXPECT_NE(mac.compute(pieces), other.compute(pieces));
}

TEST(ConstantTimeEqual, ComparesSizeAndEveryByte) {
  const Bytes bytes = counting(8);
  EXPECT_TRUE(constant_time_equal(bytes, counting(8)));
  EXPECT_TRUE(constant_time_equal({}, {}));
  EXPECT_FALSE(constant_time_equal(bytes, counting(7)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= std::byte{0x80};
    EXPECT_FALSE(constant_time_equal(bytes, changed)) << i;
  }
}

}  // namespace
}  // namespace vpnd::crypto
