#include "crypto/control_auth.hpp"

#include <gtest/gtest.h>

#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::from_hex;
using test::to_hex;

constexpr std::uint32_t kTime = 0x65000000;

ControlHeader header_of(unsigned opcode, unsigned first_of_session_id, std::uint32_t packet_id) {
  ControlHeader header{.opcode_and_key_id = static_cast<std::byte>(opcode), .packet_id = packet_id};
  for (unsigned i = 0; i < 8; ++i) header.session_id[i] = static_cast<std::byte>(first_of_session_id + i);
  header.unix_seconds = packet_id == 0 ? 0 : kTime;
  return header;
}

const ControlHeader kClientReset = header_of(0x38, 0xc1, 1);
const ControlHeader kServerReset = header_of(0x40, 0x51, 1);
const Bytes kRest = from_hex("0000000000");  // no acks, message id 0
// Acks message 0 of the client's session, message id 0.
const Bytes kServerRest = from_hex("0100000000c1c2c3c4c5c6c7c800000000");

StaticKey vector_key() {
  return StaticKey(test::vector_key());
}

ControlWrap tls_auth(KeyDirection direction, const char* digest = "SHA1") {
  return ControlWrap::tls_auth(vector_key(), direction, digest).value();
}

Bytes wrapped(const ControlWrap& wrap, const ControlHeader& header, const Bytes& rest) {
  Bytes out;
  wrap.wrap(header, rest, out);
  return out;
}

TEST(ControlWrap, MakesTheKnownTlsAuthPacket) {  // docs/protocol.md §20
  EXPECT_EQ(to_hex(wrapped(tls_auth(KeyDirection::inverse), kClientReset, kRest)),
            "38c1c2c3c4c5c6c7c89f3af48a4cc7416679b2bc5bf8b8877a3f7c76f900000001650000000000000000");
}

TEST(ControlWrap, MakesTheKnownTlsCryptPackets) {  // docs/protocol.md §20
  const ControlWrap client = ControlWrap::tls_crypt(test::vector_key(), Role::client);
  const ControlWrap server = ControlWrap::tls_crypt(test::vector_key(), Role::server);
  EXPECT_EQ(to_hex(wrapped(client, kClientReset, kRest)),
            "38c1c2c3c4c5c6c7c8000000016500000035c582eec943eb77aa6ef2f0411029bc01859f0934845eea7387c8b5249a6d"
            "2a101766"
            "f085");

  ControlHeader reset = kServerReset;
  reset.unix_seconds = kTime + 1;
  EXPECT_EQ(to_hex(wrapped(server, reset, kServerRest)),
            "4051525354555657580000000165000001b6855010e5661c15d255089a5b859734658ba97d9d87e4b87ad5233758e0cd"
            "f71461ff8"
            "5f15c4d4484ad5686b69f7cc5dd");
  Bytes with_resend_request = kServerRest;
  for (const std::byte byte : from_hex("000100020001")) with_resend_request.push_back(byte);
  EXPECT_EQ(to_hex(wrapped(server, reset, with_resend_request)),
            "4051525354555657580000000165000001ca602713df19322499e65feb30def40881b2b0d4096f962a101569740ddcc2"
            "c58a05584"
            "177acc5c5119ef6010d1f5ebf01ac2e7a14bd51");
}

struct Pair {
  const char* name;
  ControlWrap client;
  ControlWrap server;
  std::size_t overhead;
};

std::vector<Pair> all_pairs() {
  const StaticKey key = vector_key();
  return {
      {"plain", ControlWrap(), ControlWrap(), 9},
      {"tls-auth SHA1", tls_auth(KeyDirection::inverse), tls_auth(KeyDirection::normal), 9 + 20 + 8},
      {"tls-auth SHA256", tls_auth(KeyDirection::inverse, "SHA256"), tls_auth(KeyDirection::normal, "SHA256"),
       49},
      {"tls-auth SHA512", tls_auth(KeyDirection::normal, "SHA512"), tls_auth(KeyDirection::inverse, "SHA512"),
       81},
      {"tls-auth without direction", tls_auth(KeyDirection::both_ways), tls_auth(KeyDirection::both_ways),
       37},
      {"tls-crypt", ControlWrap::tls_crypt(key.material(), Role::client),
       ControlWrap::tls_crypt(key.material(), Role::server), 49},
  };
}

TEST(ControlWrap, UnwrapsWhatTheOtherEndWrapped) {
  for (const Pair& pair : all_pairs()) {
    EXPECT_EQ(pair.client.overhead(), pair.overhead) << pair.name;
    const ControlHeader header = header_of(0x20, 0xc1, pair.client.has_packet_id() ? 77 : 0);
    for (const std::size_t size : {0UL, 1UL, 5UL, 15UL, 16UL, 17UL, 100UL, 1250UL}) {
      const Bytes rest = test::counting(size);
      const Bytes packet = wrapped(pair.client, header, rest);
      ASSERT_EQ(packet.size(), pair.overhead + size) << pair.name;
      Bytes scratch(size);
      const Unwrapped opened = pair.server.unwrap(packet, scratch);
      ASSERT_EQ(opened.result, UnwrapResult::ok) << pair.name << " " << size;
      EXPECT_EQ(opened.header, header) << pair.name;
      EXPECT_EQ(Bytes(opened.rest.begin(), opened.rest.end()), rest) << pair.name;
    }
  }
}

TEST(ControlWrap, RefusesEveryFlippedBit) {
  for (const Pair& pair : all_pairs()) {
    if (!pair.client.has_packet_id()) continue;
    const Bytes packet = wrapped(pair.client, kClientReset, test::counting(20));
    Bytes scratch(packet.size());
    for (std::size_t bit = 0; bit < packet.size() * 8; ++bit) {
      Bytes damaged = packet;
      damaged[bit / 8] ^= std::byte{1} << (bit % 8);
      ASSERT_EQ(pair.server.unwrap(damaged, scratch).result, UnwrapResult::bad_tag)
          << pair.name << " bit " << bit;
    }
  }
}

TEST(ControlWrap, RefusesEveryOtherLength) {
  for (const Pair& pair : all_pairs()) {
    if (!pair.client.has_packet_id()) continue;
    Bytes packet = wrapped(pair.client, kClientReset, kRest);
    Bytes scratch(packet.size() + 1);
    for (std::size_t size = 0; size < packet.size(); ++size) {
      const UnwrapResult expected = size < pair.overhead ? UnwrapResult::too_short : UnwrapResult::bad_tag;
      EXPECT_EQ(pair.server.unwrap(std::span(packet).first(size), scratch).result, expected)
          << pair.name << " " << size;
    }
    packet.push_back(std::byte{0});
    EXPECT_EQ(pair.server.unwrap(packet, scratch).result, UnwrapResult::bad_tag) << pair.name;
  }
}

TEST(ControlWrap, DoesNotAcceptItsOwnPackets) {
  for (const Pair& pair : all_pairs()) {
    if (!pair.client.has_packet_id() || pair.name == std::string_view("tls-auth without direction")) continue;
    const Bytes packet = wrapped(pair.client, kClientReset, kRest);
    Bytes scratch(packet.size());
    EXPECT_EQ(pair.client.unwrap(packet, scratch).result, UnwrapResult::bad_tag) << pair.name;
  }
}

TEST(ControlWrap, StaysWithinTheRoomItIsGiven) {
  for (const Pair& pair : all_pairs()) {
    Bytes out(pair.overhead + kRest.size());
    EXPECT_EQ(pair.client.wrap(kClientReset, kRest, std::span(out).first(out.size() - 1)), 0U) << pair.name;
    EXPECT_EQ(pair.client.wrap(kClientReset, kRest, std::span(out).first(3)), 0U) << pair.name;
    EXPECT_EQ(pair.client.wrap(kClientReset, kRest, std::span(out)), out.size()) << pair.name;
  }
  const ControlWrap server = ControlWrap::tls_crypt(test::vector_key(), Role::server);
  const Bytes packet = wrapped(ControlWrap::tls_crypt(test::vector_key(), Role::client), kClientReset, kRest);
  Bytes scratch(kRest.size() - 1);
  EXPECT_EQ(server.unwrap(packet, scratch).result, UnwrapResult::scratch_too_small);
}

TEST(ControlWrap, CopiesShareTheKeys) {
  ControlWrap copy;
  {
    const ControlWrap original = ControlWrap::tls_crypt(test::vector_key(), Role::client);
    copy = original;
  }
  EXPECT_EQ(copy.kind(), ControlWrap::Kind::tls_crypt);
  const Bytes packet = wrapped(copy, kClientReset, kRest);
  Bytes scratch(64);
  EXPECT_EQ(ControlWrap::tls_crypt(test::vector_key(), Role::server).unwrap(packet, scratch).result,
            UnwrapResult::ok);
}

TEST(ControlWrap, RefusesUnknownDigests) {
  for (const char* digest : {"none", "", "SHA257"}) {
    EXPECT_FALSE(ControlWrap::tls_auth(vector_key(), KeyDirection::normal, digest)) << digest;
  }
}

}  // namespace
}  // namespace vpnd::crypto
