#include "proto/epoch_channel.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using crypto::AeadAlgorithm;
using crypto::Role;
using test::Bytes;
using test::from_hex;

constexpr KeyId kKey{0};
constexpr PeerId kPeer{0x000102};
constexpr DataKeyLimits kTwoPackets{.max_blocks = 4};  // of up to 16 bytes: a block and the packet itself

crypto::KeyMaterial counting_keys() {
  crypto::KeyMaterial keys;
  int next = 0;
  for (std::byte& byte : keys.expose()) byte = static_cast<std::byte>(next++);
  return keys;
}

// One end of a tunnel with keys that both have.
struct End {
  explicit End(Role role, AeadAlgorithm algorithm = AeadAlgorithm::aes_256_gcm)
      : sealer(algorithm, counting_keys(), role, kKey, kPeer, peer_epoch),
        opener(algorithm, counting_keys(), role, kKey, peer_epoch) {}

  Bytes sends(const Bytes& plaintext) {
    Bytes wire(sealer.overhead() + plaintext.size());
    const PlainRecord record = {plaintext.data(), plaintext.size(), wire.data()};
    EXPECT_EQ(sealer.seal({&record, 1}), 1U);
    return wire;
  }
  Bytes sends() { return sends(Bytes(16, std::byte{0x45})); }
  DropReason receives(Bytes wire) {
    OpenRecord record{.wire = wire};
    opener.open({&record, 1});
    return record.drop;
  }

  PeerEpoch peer_epoch = make_peer_epoch();
  EpochSealer sealer;
  EpochOpener opener;
};

// A packet of the client's in this epoch.
Bytes packet_of_epoch(std::uint16_t epoch) {
  End client(Role::client);
  client.peer_epoch->store(epoch);
  return client.sends();
}

TEST(EpochSealer, MatchesTheKnownAnswers) {
  const Bytes plaintext = from_hex("450000140000000040010000000000000a080001");
  End gcm(Role::client);
  EXPECT_EQ(gcm.sends(plaintext), from_hex("480001020001000000000001ade67c5330383330d54e480205bad7bff374f642"
                                           "fcb3aad9b90b508be784707c3e2629ed"));
  End chacha(Role::client, AeadAlgorithm::chacha20_poly1305);
  chacha.peer_epoch->store(2);
  EXPECT_EQ(chacha.sends(plaintext),
            from_hex("4800010200020000000000018def80e6898439581078d406745c9f55690362f4"
                     "975eb44328266ecf6a9f11c77cca14cc"));
}

TEST(EpochChannel, CarriesPacketsBothWays) {
  End client(Role::client), server(Role::server);
  EXPECT_EQ(server.receives(client.sends()), DropReason::none);
  EXPECT_EQ(client.receives(server.sends()), DropReason::none);
}

TEST(EpochChannel, DropsWhatIsNotAuthenticOrRepeated) {
  End client(Role::client), server(Role::server);
  const Bytes packet = client.sends();
  for (std::size_t i = 0; i < packet.size(); ++i) {
    Bytes damaged = packet;
    damaged[i] ^= std::byte{1};
    EXPECT_NE(server.receives(damaged), DropReason::none) << "byte " << i;
  }
  EXPECT_EQ(server.receives(packet), DropReason::none);
  EXPECT_EQ(server.receives(packet), DropReason::replayed);
  for (std::size_t size = 0; size <= kEpochOverhead; ++size)
    EXPECT_NE(server.receives(Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size))),
              DropReason::none);
}

TEST(EpochSealer, GoesOnToTheNextEpochWhenAKeyHasDoneItsWork) {
  End client(Role::client), server(Role::server);
  client.sealer.set_limits(kTwoPackets);
  std::vector<Bytes> wires(7, Bytes(kEpochOverhead + 16));
  std::vector<PlainRecord> records;
  const Bytes plaintext(16, std::byte{0x45});
  for (Bytes& wire : wires) records.push_back({plaintext.data(), plaintext.size(), wire.data()});
  EXPECT_EQ(client.sealer.seal(records), 7U);
  EXPECT_EQ(client.sealer.epoch(), 4);
  EXPECT_EQ(client.sealer.sealed_packets(), 7U);
  for (const Bytes& wire : wires) EXPECT_EQ(server.receives(wire), DropReason::none);
  EXPECT_EQ(server.opener.epoch(), 4);
}

TEST(EpochSealer, GoesOnToTheNextEpochWhenItsCounterIsUsedUp) {
  End client(Role::client), server(Role::server);
  client.sealer.skip_counters_to((std::uint64_t{1} << 48) - 1);
  EXPECT_EQ(server.receives(client.sends()), DropReason::none);
  EXPECT_EQ(client.sealer.epoch(), 1);
  EXPECT_EQ(server.receives(client.sends()), DropReason::none);
  EXPECT_EQ(client.sealer.epoch(), 2);
}

TEST(EpochSealer, FollowsThePeer) {
  End client(Role::client), server(Role::server);
  EXPECT_EQ(server.receives(packet_of_epoch(5)), DropReason::none);
  EXPECT_EQ(client.receives(server.sends()), DropReason::none);
  EXPECT_EQ(server.sealer.epoch(), 5);
  EXPECT_EQ(client.opener.epoch(), 5);
}

TEST(EpochSealer, WantsARekeyLongBeforeEpochsRunOut) {
  End client(Role::client);
  client.peer_epoch->store(kRekeyEpoch - 1);
  (void)client.sends();
  EXPECT_FALSE(client.sealer.wants_rekey());
  client.peer_epoch->store(kRekeyEpoch);
  (void)client.sends();
  EXPECT_TRUE(client.sealer.wants_rekey());
}

TEST(EpochSealer, EndsWithTheLastEpoch) {
  End client(Role::client);
  client.peer_epoch->store(EpochChain::kLast);
  client.sealer.set_limits(kTwoPackets);
  (void)client.sends();
  (void)client.sends();
  Bytes wire(kEpochOverhead + 16);
  const Bytes plaintext(16);
  const PlainRecord record = {plaintext.data(), plaintext.size(), wire.data()};
  EXPECT_EQ(client.sealer.seal({&record, 1}), 0U);
}

// CVE-2025-15497: a jump by exactly as many epochs as there are keys ahead ended OpenVPN.
TEST(EpochOpener, TakesJumpsUpToTheEndOfItsKeysAndNoFurther) {
  constexpr auto kFuture = static_cast<std::uint16_t>(EpochOpener::kFutureEpochs);
  for (const int more : {-1, 0, 1}) {
    End server(Role::server);
    const auto epoch = static_cast<std::uint16_t>(1 + kFuture + more);
    EXPECT_EQ(server.receives(packet_of_epoch(epoch)),
              more <= 0 ? DropReason::none : DropReason::unknown_key);
    EXPECT_EQ(server.opener.epoch(), more <= 0 ? epoch : 1);
  }
}

TEST(EpochOpener, KeepsTheEpochBeforeAndForgetsOlderOnes) {
  End server(Role::server);
  const Bytes first = packet_of_epoch(1), second = packet_of_epoch(2), third = packet_of_epoch(3);
  EXPECT_EQ(server.receives(second), DropReason::none);
  EXPECT_EQ(server.receives(first), DropReason::none);
  EXPECT_EQ(server.receives(first), DropReason::replayed);
  EXPECT_EQ(server.receives(third), DropReason::none);
  EXPECT_EQ(server.receives(second), DropReason::replayed);
  EXPECT_EQ(server.receives(first), DropReason::unknown_key);
}

TEST(EpochOpener, DoesNotMoveForAForgery) {
  End server(Role::server);
  Bytes forged = packet_of_epoch(3);
  forged.back() ^= std::byte{1};
  EXPECT_EQ(server.receives(forged), DropReason::bad_tag);
  EXPECT_EQ(server.opener.epoch(), 1);
  forged[4] = forged[5] = std::byte{0};
  EXPECT_NE(server.receives(forged), DropReason::none) << "epoch 0 is never valid";
}

TEST(EpochOpener, OpensABatchOfSeveralEpochs) {
  End server(Role::server);
  std::vector<Bytes> wires;
  for (const int epoch : {1, 2, 2, 1, 9, 3})
    wires.push_back(packet_of_epoch(static_cast<std::uint16_t>(epoch)));
  std::vector<OpenRecord> records;
  for (Bytes& wire : wires) records.push_back({.wire = wire});
  server.opener.open(records);
  const DropReason expected[] = {DropReason::none,     DropReason::none, DropReason::replayed,
                                 DropReason::replayed, DropReason::none, DropReason::unknown_key};
  for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].drop, expected[i]) << i;
}

}  // namespace
}  // namespace vpnd::proto
