#include "crypto/tls_crypt_v2.hpp"

#include <gtest/gtest.h>

#include "crypto/control_auth.hpp"
#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::to_hex;

TlsCryptV2ServerKey vector_server_key() {
  Secret<128> key;
  for (unsigned i = 0; i < 128; ++i) key.expose()[i] = static_cast<std::byte>((7 * i + 3) & 255);
  return TlsCryptV2ServerKey(std::move(key));
}

Bytes vector_wrapped_key() {
  return vector_server_key().wrap(test::vector_key(), TlsCryptMetadata::timestamp(0x65000000));
}

TEST(TlsCryptV2, WrapsTheKnownClientKey) {  // docs/protocol.md §20, "WKc"
  const Bytes wrapped = vector_wrapped_key();
  ASSERT_EQ(wrapped.size(), 299U);
  EXPECT_EQ(to_hex(std::span(wrapped).first(32)),
            "c12253266c46930cdfe4b19c49bb1eec6b3ea1ed3677abd6ccf60ee633a769d7");
  EXPECT_EQ(to_hex(std::span(wrapped).last(8)), "deca9fdee808012b");
  EXPECT_EQ(test::sha256_hex(wrapped), "30c0b64cb0d6eb5ac4da85e790b51014a79cb5a262dcdc60854799e8b401314c");
}

TEST(TlsCryptV2, UnwrapsWhatItWrappedWithAnyMetadata) {
  const TlsCryptV2ServerKey server = TlsCryptV2ServerKey::generate();
  EXPECT_FALSE(server.unwrap(server.wrap(test::vector_key(), std::nullopt))->metadata);
  for (const std::size_t size : {0UL, 1UL, 100UL, kMaxMetadataSize}) {
    const TlsCryptMetadata metadata{.type = TlsCryptMetadata::kUserData, .bytes = test::counting(size)};
    const Bytes wrapped = server.wrap(test::vector_key(), metadata);
    const auto client = server.unwrap(wrapped);
    ASSERT_TRUE(client) << size;
    EXPECT_EQ(to_hex(client->key.expose()), to_hex(test::vector_key().expose()));
    ASSERT_TRUE(client->metadata);
    EXPECT_EQ(client->metadata->type, metadata.type);
    EXPECT_EQ(client->metadata->bytes, metadata.bytes);
  }
  EXPECT_TRUE(server.wrap(test::vector_key(), TlsCryptMetadata{.bytes = test::counting(kMaxMetadataSize + 1)})
                  .empty());
}

TEST(TlsCryptV2, ReadsTimestampsOnly) {
  EXPECT_EQ(TlsCryptMetadata::timestamp(-2).as_timestamp(), -2);
  EXPECT_EQ(TlsCryptMetadata::timestamp(0x1234567890).as_timestamp(), 0x1234567890);
  EXPECT_FALSE((TlsCryptMetadata{.type = TlsCryptMetadata::kUserData, .bytes = Bytes(8)}).as_timestamp());
  EXPECT_FALSE((TlsCryptMetadata{.type = TlsCryptMetadata::kTimestamp, .bytes = Bytes(7)}).as_timestamp());
}

TEST(TlsCryptV2, RefusesEveryFlippedBitOfAWrappedKey) {
  const TlsCryptV2ServerKey server = vector_server_key();
  const Bytes wrapped = vector_wrapped_key();
  ASSERT_TRUE(server.unwrap(wrapped));
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    Bytes damaged = wrapped;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_FALSE(server.unwrap(damaged)) << "bit " << bit;
  }
  EXPECT_FALSE(TlsCryptV2ServerKey::generate().unwrap(wrapped));
}

TEST(TlsCryptV2, RefusesEveryWrongLengthOfAWrappedKey) {
  const TlsCryptV2ServerKey server = vector_server_key();
  const Bytes wrapped = vector_wrapped_key();
  for (std::size_t size = 0; size <= kMaxWrappedKeySize + 10; ++size) {
    Bytes other = wrapped;
    other.resize(size);
    if (size >= 2 && size != wrapped.size()) {  // with a length that lies and with one that agrees
      EXPECT_FALSE(server.unwrap(other)) << size;
      other[size - 2] = static_cast<std::byte>(size >> 8);
      other[size - 1] = static_cast<std::byte>(size & 0xff);
    }
    EXPECT_EQ(server.unwrap(other).has_value(), size == wrapped.size()) << size;
  }
}

TEST(TlsCryptV2, ReadsTheFilesItWrote) {
  const TlsCryptV2ServerKey server = TlsCryptV2ServerKey::generate();
  const auto client = TlsCryptV2ClientKey::generate(server, TlsCryptMetadata::timestamp(5));
  ASSERT_TRUE(client);
  const SecretString client_file = client->format();
  const SecretString server_file = server.format();
  EXPECT_TRUE(client_file.expose().starts_with("-----BEGIN OpenVPN tls-crypt-v2 client key-----\n"));
  EXPECT_TRUE(server_file.expose().starts_with("-----BEGIN OpenVPN tls-crypt-v2 server key-----\n"));

  const auto client_read = TlsCryptV2ClientKey::parse("comment\n" + std::string(client_file.expose()));
  const auto server_read = TlsCryptV2ServerKey::parse(server_file.expose());
  ASSERT_TRUE(client_read && server_read);
  const auto unwrapped = server_read->unwrap(client_read->wrapped);
  ASSERT_TRUE(unwrapped);
  EXPECT_EQ(to_hex(unwrapped->key.expose()), to_hex(client->key.expose()));
  EXPECT_EQ(to_hex(client_read->key.expose()), to_hex(client->key.expose()));
  EXPECT_EQ(unwrapped->metadata->as_timestamp(), 5);
}

TEST(TlsCryptV2, RefusesTheWrongKindOfFileAndDamage) {
  const TlsCryptV2ServerKey server = TlsCryptV2ServerKey::generate();
  const auto client = TlsCryptV2ClientKey::generate(server, std::nullopt);
  const std::string server_text(server.format().expose());
  const std::string client_text(client->format().expose());
  EXPECT_FALSE(TlsCryptV2ServerKey::parse(client_text));
  EXPECT_FALSE(TlsCryptV2ClientKey::parse(server_text));
  EXPECT_FALSE(TlsCryptV2ServerKey::parse(""));
  EXPECT_FALSE(TlsCryptV2ServerKey::parse(server_text.substr(0, server_text.size() / 2)));
  EXPECT_TRUE(TlsCryptV2ServerKey::parse(client_text + server_text))
      << "a block of another kind may come before";

  TlsCryptV2ClientKey lying = {.key = test::vector_key(), .wrapped = client->wrapped};
  lying.wrapped.back() ^= std::byte{1};
  EXPECT_FALSE(TlsCryptV2ClientKey::parse(lying.format().expose()));
}

// op sid pid time TAG REST of `rest_size` bytes, then WKc.
Bytes v3_packet(std::size_t rest_size, const Bytes& wrapped_key) {
  Bytes packet(49 + rest_size);
  packet.insert(packet.end(), wrapped_key.begin(), wrapped_key.end());
  return packet;
}

TEST(SplitWrappedKey, CutsWhereTheLastTwoBytesSay) {
  const Bytes wrapped = vector_wrapped_key();
  const Bytes packet = v3_packet(5, wrapped);
  const auto split = split_wrapped_key(packet);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->packet.size(), 54U);
  EXPECT_EQ(Bytes(split->wrapped.begin(), split->wrapped.end()), wrapped);
}

TEST(SplitWrappedKey, RefusesLengthsThatDoNotFit) {  // CVE-2025-2704, CVE-2026-35058
  const Bytes wrapped = vector_wrapped_key();
  EXPECT_FALSE(split_wrapped_key(v3_packet(4, wrapped))) << "the remainder is too short";
  for (unsigned length = 0; length <= 0xffff; ++length) {
    Bytes packet = v3_packet(1200, wrapped);
    packet[packet.size() - 2] = static_cast<std::byte>(length >> 8);
    packet[packet.size() - 1] = static_cast<std::byte>(length & 0xff);
    EXPECT_EQ(split_wrapped_key(packet).has_value(), length >= 290 && length <= 1024) << length;
  }
  for (std::size_t size = 0; size < 54 + 290; ++size) EXPECT_FALSE(split_wrapped_key(Bytes(size))) << size;
}

}  // namespace
}  // namespace vpnd::crypto
