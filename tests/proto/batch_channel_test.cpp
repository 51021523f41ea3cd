#include "proto/batch_channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "proto/batch_keys.hpp"
#include "proto/stock_channel.hpp"
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
constexpr LaneNumber kLane{0};
constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

// 00 01 … ff, the key material of the vectors.
crypto::KeyMaterial counting_keys() {
  crypto::KeyMaterial keys;
  int next = 0;
  for (std::byte& byte : keys.expose()) byte = static_cast<std::byte>(next++);
  return keys;
}

BatchSealer sealer_of(Role own, AeadAlgorithm algorithm = AeadAlgorithm::aes_256_gcm, LaneNumber lane = kLane,
                      KeyId key = kKey) {
  return BatchSealer(algorithm, counting_keys(), own, key, lane_peer_id(kPeer, lane), lane);
}

BatchOpener opener_of(Role own, AeadAlgorithm algorithm = AeadAlgorithm::aes_256_gcm, LaneNumber lane = kLane,
                      KeyId key = kKey) {
  return BatchOpener(algorithm, counting_keys(), own, key, lane);
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

struct Vector {
  Role sealed_by;
  AeadAlgorithm algorithm;
  KeyId key_id;
  LaneNumber lane;
  std::uint64_t number;
  Bytes body;
  Bytes record;
};

std::vector<Vector> vectors() {
  std::ifstream file(VPND_SOURCE_DIR "/tests/vectors/batch_record.txt");
  std::vector<Vector> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string side, cipher, number, body, record;
    unsigned key = 0, lane = 0;
    words >> side >> cipher >> key >> lane >> number >> body >> record;
    all.push_back({side == "client" ? Role::client : Role::server, crypto::aead_from_name(cipher).value(),
                   KeyId{static_cast<std::uint8_t>(key)}, LaneNumber{static_cast<std::uint8_t>(lane)},
                   std::stoull(number, nullptr, 16), body == "-" ? Bytes() : from_hex(body),
                   from_hex(record)});
  }
  return all;
}

TEST(BatchSealer, MakesTheRecordsOfTheVectors) {
  const auto all = vectors();
  ASSERT_GE(all.size(), 9U);
  for (const Vector& vector : all) {
    BatchSealer sealer = sealer_of(vector.sealed_by, vector.algorithm, vector.lane, vector.key_id);
    sealer.skip_record_numbers_to(vector.number);
    EXPECT_EQ(sealed(sealer, vector.body), vector.record) << "record number " << vector.number;
  }
}

// A receiver can only infer the upper half of a number when it has seen the lower ones.
TEST(BatchOpener, OpensTheRecordsOfTheVectors) {
  for (const Vector& vector : vectors()) {
    if (vector.number >= kTwo32 << 1) continue;
    const Role other = vector.sealed_by == Role::client ? Role::server : Role::client;
    BatchOpener opener = opener_of(other, vector.algorithm, vector.lane, vector.key_id);
    if (vector.number >= kTwo32) {
      BatchSealer sealer = sealer_of(vector.sealed_by, vector.algorithm, vector.lane, vector.key_id);
      sealer.skip_record_numbers_to(kTwo32 - 1);
      EXPECT_EQ(opened(opener, sealed(sealer, {})).drop, DropReason::none);
    }
    EXPECT_EQ(opened(opener, vector.record), (Outcome{DropReason::none, vector.body}));
  }
}

// A second implementation is written from the document, so it must show what the tests check.
TEST(BatchRecordVectors, AreThoseOfTheDocument) {
  std::ifstream document(VPND_SOURCE_DIR "/docs/protocol.md");
  std::string text{std::istreambuf_iterator<char>(document), {}};
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  std::ifstream file(VPND_SOURCE_DIR "/tests/vectors/batch_record.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    EXPECT_NE(text.find(line.substr(line.rfind(' ') + 1)), std::string::npos) << line;
  }
}

TEST(BatchChannel, CarriesRecordsOfAnySizeInBothDirections) {
  for (const AeadAlgorithm algorithm : kAlgorithms) {
    for (const Role role : {Role::client, Role::server}) {
      BatchSealer sealer = sealer_of(role, algorithm, LaneNumber{7}, KeyId{5});
      BatchOpener opener =
          opener_of(role == Role::client ? Role::server : Role::client, algorithm, LaneNumber{7}, KeyId{5});
      for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1448U, 9000U, 65511U}) {
        const Bytes body(size, std::byte{0x45});
        const Bytes wire = sealed(sealer, body);
        ASSERT_EQ(wire.size(), size + 24);
        EXPECT_EQ(Bytes(wire.begin(), wire.begin() + 4), from_hex("4d000109"));
        EXPECT_EQ(opened(opener, wire), (Outcome{DropReason::none, body})) << size << " bytes";
      }
    }
  }
}

TEST(BatchSealer, SealsInPlaceAsItDoesApart) {
  const Bytes body = from_hex("450000140000000040010000000000000a080001");
  BatchSealer apart = sealer_of(Role::client), in_place = sealer_of(Role::client);
  ASSERT_EQ(in_place.payload_offset(), 8U);
  Bytes wire(in_place.payload_offset());
  wire.insert(wire.end(), body.begin(), body.end());
  wire.resize(wire.size() + crypto::kAeadTagSize);
  const PlainRecord record = {wire.data() + in_place.payload_offset(), body.size(), wire.data()};
  ASSERT_EQ(in_place.seal({&record, 1}), 1U);
  EXPECT_EQ(wire, sealed(apart, body));
}

TEST(BatchChannel, UsesAnotherKeyForEachDirectionAndLane) {
  BatchSealer client = sealer_of(Role::client);
  BatchOpener also_client = opener_of(Role::client);
  EXPECT_EQ(opened(also_client, sealed(client, Bytes(40))), dropped(DropReason::bad_tag));
  for (std::uint8_t lane = 1; lane < kMaxLanes; ++lane) {
    BatchOpener other_lane = opener_of(Role::server, AeadAlgorithm::aes_256_gcm, LaneNumber{lane});
    EXPECT_EQ(opened(other_lane, sealed(client, Bytes(40))), dropped(DropReason::bad_tag)) << +lane;
  }
}

TEST(BatchKeys, HaveNothingOfTheStockKeysOrOfEachOther) {
  const auto keys = counting_keys();
  std::vector<Bytes> derived = {Bytes(keys.expose().begin(), keys.expose().begin() + 32),
                                Bytes(keys.expose().begin() + 128, keys.expose().begin() + 160)};
  std::vector<Bytes> ivs;
  for (const auto half : {crypto::KeyHalf::first, crypto::KeyHalf::second}) {
    for (std::uint8_t lane = 0; lane < kMaxLanes; ++lane) {
      const BatchKey key = derive_batch_key(keys, half, LaneNumber{lane});
      derived.emplace_back(key.key.expose().begin(), key.key.expose().end());
      ivs.emplace_back(key.implicit_iv.begin(), key.implicit_iv.end());
    }
  }
  std::ranges::sort(derived);
  std::ranges::sort(ivs);
  EXPECT_EQ(std::ranges::adjacent_find(derived), derived.end());
  EXPECT_EQ(std::ranges::adjacent_find(ivs), ivs.end());
}

TEST(BatchChannel, AndTheStockFormatDoNotOpenEachOther) {
  BatchSealer batch = sealer_of(Role::client);
  StockSealer stock(AeadAlgorithm::aes_256_gcm, counting_keys(), Role::client, kKey, kPeer);
  BatchOpener opens_batch = opener_of(Role::server);
  StockOpener opens_stock(AeadAlgorithm::aes_256_gcm, counting_keys(), Role::server, kKey);
  EXPECT_EQ(opened(opens_stock, sealed(batch, Bytes(40))), dropped(DropReason::bad_tag));
  EXPECT_EQ(opened(opens_batch, sealed(stock, Bytes(40))), dropped(DropReason::bad_tag));
}

// Larger than what is given to the AEAD at once.
TEST(BatchChannel, CarriesLargeBatchesInOrder) {
  constexpr std::size_t kCount = 300;
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener = opener_of(Role::server);
  std::vector<Bytes> bodies, wires;
  for (std::size_t i = 0; i < kCount; ++i) {
    bodies.emplace_back(i, static_cast<std::byte>(i));
    wires.emplace_back(sealer.overhead() + i);
  }
  std::vector<PlainRecord> records;
  for (std::size_t i = 0; i < kCount; ++i) records.push_back({bodies[i].data(), i, wires[i].data()});
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
      EXPECT_TRUE(std::ranges::equal(opens[i].plaintext, bodies[i])) << "record " << i;
    }
  }
  EXPECT_EQ(opener.failed_tags(), 1U);
  EXPECT_EQ(opener.highest_packet_id(), kCount);
}

TEST(BatchOpener, NoticesEveryFlippedBit) {
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener = opener_of(Role::server);
  const Bytes wire = sealed(sealer, Bytes(20, std::byte{0x45}));
  for (std::size_t bit = 8; bit < wire.size() * 8; ++bit) {
    Bytes flipped = wire;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_EQ(opened(opener, flipped), dropped(DropReason::bad_tag)) << "bit " << bit;
  }
  EXPECT_EQ(opener.highest_packet_id(), 0U) << "forgeries must not touch the replay window";
  EXPECT_EQ(opened(opener, wire).drop, DropReason::none);
}

TEST(BatchOpener, DropsWhatIsNoRecordOfItsKey) {
  BatchOpener opener = opener_of(Role::server);
  Bytes wire(60);
  const auto outcome_with = [&](int first) {
    wire[0] = static_cast<std::byte>(first);
    return opened(opener, wire).drop;
  };
  EXPECT_EQ(outcome_with(0x49), DropReason::unknown_key);
  EXPECT_EQ(outcome_with(0x30), DropReason::malformed) << "DATA_V1";
  EXPECT_EQ(outcome_with(0x20), DropReason::malformed) << "a control packet";
  EXPECT_EQ(outcome_with(0x00), DropReason::unknown_opcode);
  for (std::size_t size = 0; size < kRecordOverhead; ++size) {
    EXPECT_EQ(opened(opener, Bytes(size, std::byte{0x48})).drop, DropReason::too_short) << size << " bytes";
  }
  EXPECT_EQ(opener.failed_tags(), 0U);
  EXPECT_EQ(opened(opener, Bytes(kRecordOverhead, std::byte{0x48})).drop, DropReason::bad_tag);
}

TEST(BatchOpener, AcceptsEachRecordOnceWithinALargeWindow) {
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener(AeadAlgorithm::aes_256_gcm, counting_keys(), Role::server, kKey, kLane, 64);
  const Bytes first = sealed(sealer, Bytes(10));
  const Bytes second = sealed(sealer, Bytes(10));
  sealer.skip_record_numbers_to(8193);
  EXPECT_EQ(opened(opener, sealed(sealer, {})).drop, DropReason::none);
  EXPECT_EQ(opened(opener, second).drop, DropReason::none) << "the window has 8192 numbers at least";
  EXPECT_EQ(opened(opener, second), dropped(DropReason::replayed));
  EXPECT_EQ(opened(opener, first), dropped(DropReason::bad_tag))
      << "behind the window: taken for a number one boundary further";
}

TEST(BatchOpener, RefusesARepetitionWithinOneBatch) {
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener = opener_of(Role::server);
  Bytes wire = sealed(sealer, Bytes(10)), copy = wire;
  OpenRecord records[] = {{.wire = wire}, {.wire = copy}};
  opener.open(records);
  EXPECT_EQ(records[0].drop, DropReason::none);
  EXPECT_EQ(records[1].drop, DropReason::replayed);
}

TEST(BatchChannel, CrossesEveryBoundaryOfTheLowHalf) {
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener = opener_of(Role::server);
  for (std::uint64_t at = kTwo32 / 2 - 2; at < 3 * kTwo32; at += kTwo32 / 2) {
    sealer.skip_record_numbers_to(at);
    std::vector<Bytes> wires;
    for (int i = 0; i < 5; ++i) wires.push_back(sealed(sealer, Bytes(3)));
    std::ranges::reverse(wires);
    for (const Bytes& wire : wires) {
      EXPECT_EQ(opened(opener, wire).drop, DropReason::none);
      EXPECT_EQ(opened(opener, wire), dropped(DropReason::replayed));
    }
    EXPECT_EQ(opener.highest_packet_id(), at + 4);
  }
}

// Within one batch as well, where the upper half of all is inferred before any is opened.
TEST(BatchChannel, CrossesABoundaryInTheMiddleOfABatch) {
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener = opener_of(Role::server);
  sealer.skip_record_numbers_to(kTwo32 - 51);
  ASSERT_EQ(opened(opener, sealed(sealer, {})).drop, DropReason::none);
  std::vector<Bytes> wires;
  for (int i = 0; i < 100; ++i) wires.push_back(sealed(sealer, Bytes(3)));
  std::vector<OpenRecord> opens;
  for (Bytes& wire : wires) opens.push_back({.wire = wire});
  opener.open(opens);
  for (const OpenRecord& record : opens) EXPECT_EQ(record.drop, DropReason::none);
  EXPECT_EQ(opener.highest_packet_id(), kTwo32 + 49);
}

TEST(BatchChannel, GoesOnAfterTwoToThe31LostRecords) {
  for (const std::uint64_t from : {std::uint64_t{1}, kTwo32 - 5, kTwo32, 5 * kTwo32 + (kTwo32 >> 1)}) {
    BatchSealer sealer = sealer_of(Role::client);
    BatchOpener opener = opener_of(Role::server);
    for (std::uint64_t step = kTwo32 / 2; step < from; step += kTwo32 / 2) {
      sealer.skip_record_numbers_to(step);
      ASSERT_EQ(opened(opener, sealed(sealer, {})).drop, DropReason::none);
    }
    sealer.skip_record_numbers_to(from);
    ASSERT_EQ(opened(opener, sealed(sealer, {})).drop, DropReason::none);
    sealer.skip_record_numbers_to(from + (kTwo32 >> 1));
    EXPECT_EQ(opened(opener, sealed(sealer, {})).drop, DropReason::none) << "after " << from;
  }
}

TEST(BatchSealer, DoesNotStopAtTheLastNumberOfTheStockFormat) {
  BatchSealer sealer = sealer_of(Role::client);
  sealer.skip_record_numbers_to(0xFFFFFFFF);
  for (int i = 0; i < 3; ++i) sealed(sealer, Bytes(1));
  EXPECT_EQ(sealer.sealed_packets(), kTwo32 + 1);
  EXPECT_FALSE(sealer.wants_rekey());
}

TEST(BatchSealer, NeverWrapsItsNumbers) {
  BatchSealer sealer = sealer_of(Role::client, AeadAlgorithm::chacha20_poly1305);
  sealer.skip_record_numbers_to(~std::uint64_t{0});
  sealed(sealer, Bytes(1));
  Bytes wire(sealer.overhead());
  const PlainRecord one_more = {wire.data() + 8, 0, wire.data()};
  EXPECT_EQ(sealer.seal({&one_more, 1}), 0U);
  EXPECT_EQ(sealer.seal({&one_more, 1}), 0U);
}

TEST(BatchSealer, SealsNoMoreThanItsKeyMay) {
  BatchSealer sealer = sealer_of(Role::client);
  sealer.set_limits({.max_blocks = 32});
  for (int i = 0; i < 9; ++i) sealed(sealer, Bytes(17));  // two blocks and one record each: 27
  EXPECT_FALSE(sealer.wants_rekey());
  sealed(sealer, {});  // 28 of 32, which is seven eighths
  EXPECT_TRUE(sealer.wants_rekey());
  const Bytes body(17);
  std::vector<Bytes> wires(2, Bytes(sealer.overhead() + 17));
  const PlainRecord records[] = {{body.data(), 17, wires[0].data()}, {body.data(), 17, wires[1].data()}};
  EXPECT_EQ(sealer.seal(records), 1U);
  EXPECT_EQ(wires[1], Bytes(sealer.overhead() + 17)) << "the second is not touched";
}

TEST(BatchOpener, GivesUpAKeyThatMetTooManyForgeries) {
  BatchSealer sealer = sealer_of(Role::client);
  BatchOpener opener = opener_of(Role::server);
  opener.set_limits({.max_failed_tags = 4});
  const Bytes good = sealed(sealer, Bytes(10));
  Bytes forged = good;
  forged.back() ^= std::byte{1};
  for (int i = 0; i < 2; ++i) opened(opener, forged);
  EXPECT_TRUE(opener.wants_rekey());
  for (int i = 0; i < 2; ++i) opened(opener, forged);
  EXPECT_EQ(opened(opener, good), dropped(DropReason::unknown_key));
}

}  // namespace
}  // namespace vpnd::proto
