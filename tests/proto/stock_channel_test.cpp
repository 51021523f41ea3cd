#include "proto/stock_channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using crypto::AeadAlgorithm;
using crypto::Role;
using test::Bytes;
using test::from_hex;

constexpr AeadAlgorithm kAlgorithms[] = {AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_192_gcm,
                                         AeadAlgorithm::aes_256_gcm, AeadAlgorithm::chacha20_poly1305};
constexpr KeyId kKey{0};
constexpr PeerId kPeer{0x000102};

// 00 01 … ff, the key material of the known answers.
crypto::KeyMaterial counting_keys() {
  crypto::KeyMaterial keys;
  int next = 0;
  for (std::byte& byte : keys.expose()) byte = static_cast<std::byte>(next++);
  return keys;
}

StockSealer sealer_of(Role own, AeadAlgorithm algorithm = AeadAlgorithm::aes_256_gcm,
                      std::optional<PeerId> peer = kPeer, KeyId key = kKey) {
  return StockSealer(algorithm, counting_keys(), own, key, peer);
}

StockOpener opener_of(Role own, AeadAlgorithm algorithm = AeadAlgorithm::aes_256_gcm, KeyId key = kKey) {
  return StockOpener(algorithm, counting_keys(), own, key);
}

Bytes sealed(DataSealer& sealer, const Bytes& plaintext) {
  Bytes wire(sealer.overhead() + plaintext.size());
  const PlainRecord record = {plaintext.data(), plaintext.size(), wire.data()};
  EXPECT_EQ(sealer.seal({&record, 1}), 1U);
  return wire;
}

struct Outcome {
  DropReason drop;
  Bytes plaintext;
  bool operator==(const Outcome&) const = default;
};

Outcome opened(DataOpener& opener, Bytes wire) {
  OpenRecord record{.wire = wire};
  opener.open({&record, 1});
  return {record.drop, {record.plaintext.begin(), record.plaintext.end()}};
}

Outcome dropped(DropReason reason) {
  return {reason, {}};
}

TEST(StockSealer, MatchesTheKnownAnswers) {
  const Bytes plaintext = from_hex("450000140000000040010000000000000a080001");
  const struct {
    AeadAlgorithm algorithm;
    const char* packet;
  } answers[] = {
      {AeadAlgorithm::aes_256_gcm,
       "48000102000000019e9d5fed4deecf7409c8181f26dcfe1f8ecb7ba96bb6a6c955bf547774360823f96539a0"},
      {AeadAlgorithm::aes_128_gcm,
       "4800010200000001de753219ac37b3eb348c2bceda26eef79703fcf3dcd33a90c2dc29ad18b77aadce1f4a0b"},
      {AeadAlgorithm::chacha20_poly1305,
       "4800010200000001f379b694dcb9ea567e818aae3682f4a64b8432d0f3ac633ed3b7e7f346c8fdea607f55d7"},
  };
  for (const auto& [algorithm, packet] : answers) {
    StockSealer client = sealer_of(Role::client, algorithm);
    EXPECT_EQ(sealed(client, plaintext), from_hex(packet));
    StockOpener server = opener_of(Role::server, algorithm);
    EXPECT_EQ(opened(server, from_hex(packet)), (Outcome{DropReason::none, plaintext}));
  }
}

TEST(StockChannel, CarriesPacketsInBothDirectionsAndFormats) {
  const Bytes plaintext(100, std::byte{0x45});
  for (const AeadAlgorithm algorithm : kAlgorithms) {
    for (const Role role : {Role::client, Role::server}) {
      for (const std::optional<PeerId> peer : {std::optional<PeerId>(kPeer), std::optional<PeerId>()}) {
        StockSealer sealer = sealer_of(role, algorithm, peer, KeyId{5});
        StockOpener opener =
            opener_of(role == Role::client ? Role::server : Role::client, algorithm, KeyId{5});
        const Bytes wire = sealed(sealer, plaintext);
        EXPECT_EQ(wire.size(), plaintext.size() + (peer ? kDataV2Overhead : kDataV1Overhead));
        EXPECT_EQ(wire[0], peer ? std::byte{0x4d} : std::byte{0x35});
        EXPECT_EQ(opened(opener, wire), (Outcome{DropReason::none, plaintext}));
      }
    }
  }
}

TEST(StockChannel, UsesAnotherKeyForEachDirection) {
  StockSealer client = sealer_of(Role::client);
  StockOpener also_client = opener_of(Role::client);
  EXPECT_EQ(opened(also_client, sealed(client, Bytes(40))), dropped(DropReason::bad_tag))
      << "a reflected packet";
}

TEST(StockSealer, WritesDataV1WhenPeerIdsAreDisabled) {
  StockSealer sealer = sealer_of(Role::client, AeadAlgorithm::aes_256_gcm, kNoPeer);
  EXPECT_EQ(sealer.overhead(), kDataV1Overhead);
  EXPECT_EQ(sealed(sealer, Bytes(1)).front(), std::byte{0x30});
}

TEST(StockSealer, SealsInPlaceAsItDoesApart) {
  const Bytes plaintext = from_hex("450000140000000040010000000000000a080001");
  StockSealer apart = sealer_of(Role::client), in_place = sealer_of(Role::client);
  Bytes wire(in_place.overhead());
  wire.insert(wire.end(), plaintext.begin(), plaintext.end());
  const PlainRecord record = {wire.data() + in_place.overhead(), plaintext.size(), wire.data()};
  ASSERT_EQ(in_place.seal({&record, 1}), 1U);
  EXPECT_EQ(wire, sealed(apart, plaintext));
}

// Larger than what is given to the AEAD at once.
TEST(StockChannel, CarriesLargeBatchesInOrder) {
  constexpr std::size_t kCount = 300;
  StockSealer sealer = sealer_of(Role::client);
  StockOpener opener = opener_of(Role::server);
  std::vector<Bytes> plaintexts, wires;
  std::vector<PlainRecord> records;
  for (std::size_t i = 0; i < kCount; ++i) {
    plaintexts.emplace_back(i + 1, static_cast<std::byte>(i));
    wires.emplace_back(sealer.overhead() + i + 1);
  }
  for (std::size_t i = 0; i < kCount; ++i) records.push_back({plaintexts[i].data(), i + 1, wires[i].data()});
  ASSERT_EQ(sealer.seal(records), kCount);
  EXPECT_EQ(sealer.sealed_packets(), kCount);

  wires[7].back() ^= std::byte{1};
  wires[200].resize(10);
  std::vector<OpenRecord> opens;
  for (Bytes& wire : wires) opens.push_back({.wire = wire});
  opener.open(opens);
  for (std::size_t i = 0; i < kCount; ++i) {
    const DropReason expected = i == 7     ? DropReason::bad_tag
                                : i == 200 ? DropReason::too_short
                                           : DropReason::none;
    EXPECT_EQ(opens[i].drop, expected) << "record " << i;
    if (expected == DropReason::none) {
      EXPECT_TRUE(std::ranges::equal(opens[i].plaintext, plaintexts[i])) << "record " << i;
    }
  }
  EXPECT_EQ(opener.failed_tags(), 1U);
}

TEST(StockOpener, NoticesEveryFlippedBit) {
  StockSealer sealer = sealer_of(Role::client);
  StockOpener opener = opener_of(Role::server);
  const Bytes wire = sealed(sealer, Bytes(20, std::byte{0x45}));
  for (std::size_t bit = 8; bit < wire.size() * 8; ++bit) {
    Bytes flipped = wire;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_EQ(opened(opener, flipped), dropped(DropReason::bad_tag)) << "bit " << bit;
  }
  EXPECT_EQ(opened(opener, wire).drop, DropReason::none) << "forgeries must not touch the replay window";
}

TEST(StockOpener, DropsWhatIsNoDataPacketOfItsKey) {
  StockOpener opener = opener_of(Role::server);
  Bytes wire(60);
  const auto outcome_with = [&](int first) {
    wire[0] = static_cast<std::byte>(first);
    return opened(opener, wire).drop;
  };
  EXPECT_EQ(outcome_with(0x49), DropReason::unknown_key);
  EXPECT_EQ(outcome_with(0x31), DropReason::unknown_key);
  EXPECT_EQ(outcome_with(0x20), DropReason::malformed) << "a control packet";
  EXPECT_EQ(outcome_with(0x00), DropReason::unknown_opcode);
  EXPECT_EQ(opened(opener, {}).drop, DropReason::too_short);
  EXPECT_EQ(opener.failed_tags(), 0U);
}

TEST(StockOpener, WantsAtLeastOneByteOfCiphertext) {
  StockOpener opener = opener_of(Role::server);
  Bytes wire = {std::byte{0x48}};
  for (std::size_t size = 1; size <= kDataV2Overhead; ++size) {
    wire.resize(size);
    EXPECT_EQ(opened(opener, wire).drop, DropReason::too_short) << size << " bytes";
  }
  wire.resize(kDataV2Overhead + 1);
  EXPECT_EQ(opened(opener, wire).drop, DropReason::bad_tag);
}

TEST(StockOpener, AcceptsEachPacketOnce) {
  StockSealer sealer = sealer_of(Role::client);
  StockOpener opener = opener_of(Role::server);
  const Bytes first = sealed(sealer, Bytes(10));
  const Bytes second = sealed(sealer, Bytes(10));
  EXPECT_EQ(opened(opener, second).drop, DropReason::none);
  EXPECT_EQ(opened(opener, first).drop, DropReason::none);
  EXPECT_EQ(opened(opener, first), dropped(DropReason::replayed));
  EXPECT_EQ(opened(opener, second), dropped(DropReason::replayed));

  sealer.skip_packet_ids_to(3000);
  EXPECT_EQ(opened(opener, sealed(sealer, Bytes(10))).drop, DropReason::none);
  EXPECT_EQ(opened(opener, first), dropped(DropReason::replay_too_old));
  EXPECT_EQ(opener.highest_packet_id(), 3000U);
}

TEST(StockOpener, RefusesARepetitionWithinOneBatch) {
  StockSealer sealer = sealer_of(Role::client);
  StockOpener opener = opener_of(Role::server);
  Bytes wire = sealed(sealer, Bytes(10)), copy = wire;
  OpenRecord records[] = {{.wire = wire}, {.wire = copy}};
  opener.open(records);
  EXPECT_EQ(records[0].drop, DropReason::none);
  EXPECT_EQ(records[1].drop, DropReason::replayed);
}

TEST(StockSealer, StopsAtTheLastPacketIdInsteadOfWrapping) {
  StockSealer sealer = sealer_of(Role::client);
  sealer.skip_packet_ids_to(0xFEFFFFFF);
  EXPECT_FALSE(sealer.wants_rekey());
  sealed(sealer, Bytes(1));
  EXPECT_FALSE(sealer.wants_rekey());
  sealed(sealer, Bytes(1));  // the id 0xFF000000
  EXPECT_TRUE(sealer.wants_rekey());

  sealer.skip_packet_ids_to(0xFFFFFFFE);
  const Bytes plaintext(4);
  std::vector<Bytes> wires(3, Bytes(sealer.overhead() + 4));
  std::vector<PlainRecord> records;
  for (Bytes& wire : wires) records.push_back({plaintext.data(), 4, wire.data()});
  EXPECT_EQ(sealer.seal(records), 2U) << "0xFFFFFFFE and 0xFFFFFFFF";
  EXPECT_EQ(wires[2], Bytes(sealer.overhead() + 4)) << "the third is not touched";
  EXPECT_EQ(sealer.seal(records), 0U);
}

TEST(StockSealer, CountsBlocksAndPacketsAgainstItsLimit) {
  StockSealer sealer = sealer_of(Role::client);
  sealer.set_limits({.max_blocks = 32});
  for (int i = 0; i < 9; ++i) sealed(sealer, Bytes(17));  // two blocks and one packet each: 27
  EXPECT_FALSE(sealer.wants_rekey());
  sealed(sealer, Bytes(1));  // 29 of 32; seven eighths are 28
  EXPECT_TRUE(sealer.wants_rekey());
  const Bytes plaintext(48);
  Bytes wire(sealer.overhead() + 48);
  const PlainRecord too_much = {plaintext.data(), 48, wire.data()};
  EXPECT_EQ(sealer.seal({&too_much, 1}), 0U);
  sealed(sealer, Bytes(32));
}

TEST(StockOpener, CountsBlocksAndPacketsAgainstItsLimit) {
  StockSealer sealer = sealer_of(Role::client);
  StockOpener opener = opener_of(Role::server);
  opener.set_limits({.max_blocks = 32});
  for (int i = 0; i < 9; ++i) opened(opener, sealed(sealer, Bytes(17)));
  EXPECT_FALSE(opener.wants_rekey());
  opened(opener, sealed(sealer, Bytes(1)));
  EXPECT_TRUE(opener.wants_rekey());
}

TEST(StockOpener, GivesUpAKeyThatMetTooManyForgeries) {
  StockSealer sealer = sealer_of(Role::client);
  StockOpener opener = opener_of(Role::server);
  opener.set_limits({.max_failed_tags = 4});
  const Bytes good = sealed(sealer, Bytes(10));
  Bytes forged = good;
  forged.back() ^= std::byte{1};
  opened(opener, forged);
  EXPECT_FALSE(opener.wants_rekey());
  opened(opener, forged);
  EXPECT_TRUE(opener.wants_rekey());
  opened(opener, forged);
  opened(opener, forged);
  EXPECT_EQ(opened(opener, good), dropped(DropReason::unknown_key));
}

}  // namespace
}  // namespace vpnd::proto
