#include "crypto/key_material.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::to_hex;

LegacyKeySources vector_sources() {
  LegacyKeySources sources;
  std::ranges::fill(sources.pre_master.expose(), std::byte{1});
  std::ranges::fill(sources.client_random1.expose(), std::byte{2});
  std::ranges::fill(sources.client_random2.expose(), std::byte{3});
  std::ranges::fill(sources.server_random1.expose(), std::byte{4});
  std::ranges::fill(sources.server_random2.expose(), std::byte{5});
  for (unsigned i = 0; i < 8; ++i) {
    sources.client_session_id[i] = static_cast<std::byte>(0xc1 + i);
    sources.server_session_id[i] = static_cast<std::byte>(0x51 + i);
  }
  return sources;
}

TEST(LegacyKeys, AreTheKnownAnswer) {  // docs/protocol.md §20, "PRF"
  const auto keys = derive_legacy_keys(vector_sources());
  ASSERT_TRUE(keys);
  EXPECT_EQ(to_hex(keys->expose().first(16)), "fd56bab2deb9a3a114f16937b05778de");
  EXPECT_EQ(to_hex(keys->expose().subspan(128, 16)), "479efbdf145eea17f5f5bb35566bd3b4");
  EXPECT_EQ(test::sha256_hex(keys->expose()),
            "8ddd4e889617a91b454fa2d36956c3da49f833afbd56d9801fd6bb8761d2b090");
}

TEST(LegacyKeys, DependOnEverySource) {
  const std::string original = to_hex(derive_legacy_keys(vector_sources())->expose());
  const auto changed = [](auto&& change) {
    LegacyKeySources sources = vector_sources();
    change(sources);
    return to_hex(derive_legacy_keys(sources)->expose());
  };
  const std::byte bit{1};
  EXPECT_NE(changed([bit](auto& s) { s.pre_master.expose()[47] ^= bit; }), original);
  EXPECT_NE(changed([bit](auto& s) { s.client_random1.expose()[31] ^= bit; }), original);
  EXPECT_NE(changed([bit](auto& s) { s.client_random2.expose()[31] ^= bit; }), original);
  EXPECT_NE(changed([bit](auto& s) { s.server_random1.expose()[31] ^= bit; }), original);
  EXPECT_NE(changed([bit](auto& s) { s.server_random2.expose()[31] ^= bit; }), original);
  EXPECT_NE(changed([bit](auto& s) { s.client_session_id[7] ^= bit; }), original);
  EXPECT_NE(changed([bit](auto& s) { s.server_session_id[7] ^= bit; }), original);
}

TEST(KeyMaterial, IsUnusableWithAnAllZeroCipherKey) {
  EXPECT_FALSE(usable_for_data(KeyMaterial()));
  KeyMaterial key;
  key.expose()[15] = std::byte{1};
  EXPECT_FALSE(usable_for_data(key)) << "the other direction is still zero";
  key.expose()[128] = std::byte{1};
  EXPECT_TRUE(usable_for_data(key));
  key.expose()[15] = std::byte{0};
  key.expose()[16] = std::byte{1};
  EXPECT_FALSE(usable_for_data(key)) << "a 128-bit key would be zero";
}

TEST(KeyMaterial, IsMixedByteByByte) {
  KeyMaterial key = test::vector_key();
  xor_into(key, test::vector_key());
  EXPECT_EQ(to_hex(key.expose()), std::string(512, '0'));
  xor_into(key, test::vector_key());
  EXPECT_EQ(to_hex(key.expose()), to_hex(test::vector_key().expose()));
}

TEST(DataKeys, ClientsSendWithTheFirstHalf) {
  EXPECT_EQ(data_sending_half(Role::client), KeyHalf::first);
  EXPECT_EQ(data_sending_half(Role::server), KeyHalf::second);
}

TEST(ExpandLabel, GivesTheKnownEpochKeys) {  // docs/protocol.md §20, "Epoch"
  const auto expand = [](const test::Bytes& secret, std::string_view label, std::size_t size) {
    test::Bytes out(size);
    expand_label(secret, label, out);
    return to_hex(out);
  };
  const test::Bytes e1 = test::counting(32);
  EXPECT_EQ(expand(e1, "datakey upd", 32),
            "e35bffa31e2723bf09e8d394fa9171ca4e534553bffa1d3482de4c9b3bc639d7");
  EXPECT_EQ(expand(e1, "data_key", 32), "ebbbf838a8658beb56f2324d691351bd4c8c230fb271ada8f67de830b7ee3192");
  EXPECT_EQ(expand(e1, "data_iv", 12), "568de14f8f744bfb0b721f66");
}

}  // namespace
}  // namespace vpnd::crypto
