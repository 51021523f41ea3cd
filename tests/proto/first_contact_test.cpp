#include "proto/first_contact.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <numeric>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using crypto::ControlWrap;
using crypto::KeyDirection;
using crypto::Role;
using std::chrono::seconds;
using test::Bytes;
using test::from_hex;

constexpr std::uint32_t kTime = 0x65000000;
constexpr std::uint32_t kEarlyNegotiationId = 0x0F000001;
const Bytes kAddress = from_hex("c0000201 04aa");
const SessionId kClient{{std::byte{0xc1}, std::byte{0xc2}, std::byte{0xc3}, std::byte{0xc4}, std::byte{0xc5},
                         std::byte{0xc6}, std::byte{0xc7}, std::byte{0xc8}}};

Now at(int second) {
  return {TimePoint(seconds(1000 + second)), kTime + static_cast<std::uint32_t>(second)};
}

// The made-up key of the published vectors: bytes 00 to ff.
crypto::KeyMaterial counting_key() {
  crypto::KeyMaterial key;
  const auto bytes = key.expose();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return key;
}

crypto::TlsCryptV2ServerKey v2_server_key() {
  crypto::Secret<128> key;
  for (std::size_t i = 0; i < 128; ++i) key.expose()[i] = static_cast<std::byte>(7 * i + 3);
  return crypto::TlsCryptV2ServerKey(std::move(key));
}

ControlWrap tls_auth(KeyDirection direction, std::string_view digest = "SHA1") {
  const auto wrap = ControlWrap::tls_auth(crypto::StaticKey(counting_key()), direction, digest);
  EXPECT_TRUE(wrap);
  return wrap.value_or(ControlWrap());
}

ControlWrap tls_crypt(Role role) {
  return ControlWrap::tls_crypt(counting_key(), role);
}

FirstContactSettings with_wrap(ControlWrap wrap) {
  FirstContactSettings settings;
  settings.wrap = std::move(wrap);
  return settings;
}

FirstContactSettings with_v2(ControlWrap beside = {}) {
  FirstContactSettings settings = with_wrap(std::move(beside));
  settings.tls_crypt_v2 = v2_server_key();
  return settings;
}

ControlBody reset_body() {
  ControlBody body;
  body.message_id = MessageId{0};
  return body;
}

// What a client sends after the server's reset: message 1 with the ack of message 0.
ControlBody answer_body(const SessionId& server) {
  ControlBody body;
  EXPECT_TRUE(body.acks.push(MessageId{0}));
  body.receiver = server;
  body.message_id = MessageId{1};
  return body;
}

// One client and the gate that it knocks at.
struct Contact {
  Contact(FirstContactSettings settings, ControlWrap client_wrap)
      : gate(std::move(settings)), wrap(std::move(client_wrap)) {}

  Bytes packet(Opcode opcode, const ControlBody& body, std::uint32_t packet_id = 1) const {
    Bytes rest(control_body_size(body));
    EXPECT_EQ(format_control_body(body, rest), rest.size());
    Bytes out;
    wrap.wrap({format_first_byte(opcode, KeyId{0}), kClient.bytes, packet_id, kTime}, rest, out);
    if (carries_wrapped_client_key(opcode)) out.insert(out.end(), wrapped_key.begin(), wrapped_key.end());
    return out;
  }

  FirstContactVerdict judge(std::span<const std::byte> bytes, Now now = at(0)) {
    return gate.judge(bytes, kAddress, reply, now);
  }

  DropReason dropped(std::span<const std::byte> bytes, Now now = at(0)) {
    const auto verdict = judge(bytes, now);
    const auto* const reason = std::get_if<DropReason>(&verdict);
    return reason ? *reason : DropReason::none;
  }

  // Sends a reset and returns the session id in the answer.
  SessionId cookie_for(Opcode reset, std::uint32_t packet_id = 1, Now now = at(0)) {
    const auto verdict = judge(packet(reset, reset_body(), packet_id), now);
    const auto* const answer = std::get_if<ResetReply>(&verdict);
    EXPECT_NE(answer, nullptr);
    if (!answer) return {};
    const auto unwrapped = wrap.unwrap(std::span(reply).first(answer->size), scratch);
    EXPECT_EQ(unwrapped.result, crypto::UnwrapResult::ok);
    EXPECT_EQ(unwrapped.header.opcode_and_key_id, std::byte{0x40});
    reply_wrapping = unwrapped.header;
    const auto parsed = parse_control_body(Opcode::control_hard_reset_server_v2, unwrapped.rest);
    EXPECT_EQ(parsed.drop, DropReason::none);
    reply_body = parsed.body;
    return SessionId{unwrapped.header.session_id};
  }

  FirstContact gate;
  ControlWrap wrap;
  Bytes wrapped_key;
  std::array<std::byte, kMaxResetReplySize> reply{};
  std::array<std::byte, 512> scratch{};
  crypto::ControlHeader reply_wrapping;
  ControlBody reply_body;
};

Contact v2_contact(FirstContactSettings settings) {
  Contact contact(std::move(settings), tls_crypt(Role::client));
  contact.wrapped_key = v2_server_key().wrap(counting_key(), crypto::TlsCryptMetadata::timestamp(kTime));
  return contact;
}

TEST(FirstContact, AnswersAResetWithACookieAndLetsItsOwnerIn) {
  const struct {
    const char* name;
    ControlWrap server, client;
    std::size_t reset_size, reply_size;
  } wrappings[] = {
      {"plain", ControlWrap(), ControlWrap(), 14, 26},
      {"tls-auth", tls_auth(KeyDirection::normal), tls_auth(KeyDirection::inverse), 42, 54},
      {"tls-auth SHA512", tls_auth(KeyDirection::both_ways, "SHA512"),
       tls_auth(KeyDirection::both_ways, "SHA512"), 86, 98},
      {"tls-crypt", tls_crypt(Role::server), tls_crypt(Role::client), 54, 66},
  };
  for (const auto& [name, server, client, reset_size, reply_size] : wrappings) {
    SCOPED_TRACE(name);
    Contact contact(with_wrap(server), client);
    const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v2, reset_body());
    EXPECT_EQ(reset.size(), reset_size);
    const auto verdict = contact.judge(reset);
    ASSERT_TRUE(std::holds_alternative<ResetReply>(verdict));
    EXPECT_EQ(std::get<ResetReply>(verdict).size, reply_size);

    const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v2);
    ASSERT_EQ(contact.reply_body.acks.size(), 1U);
    EXPECT_EQ(contact.reply_body.acks[0], MessageId{0});
    EXPECT_EQ(contact.reply_body.receiver, kClient);
    EXPECT_EQ(contact.reply_body.message_id, MessageId{0});
    EXPECT_TRUE(contact.reply_body.payload.empty()) << "2.4 and 2.5 would feed it to TLS";
    if (contact.wrap.has_packet_id()) {
      EXPECT_EQ(contact.reply_wrapping.packet_id, 1U);
      EXPECT_EQ(contact.reply_wrapping.unix_seconds, kTime);
    }

    for (const Opcode opcode : {Opcode::control_v1, Opcode::ack_v1}) {
      ControlBody body = answer_body(cookie);
      if (opcode == Opcode::ack_v1) body.message_id.reset();
      const auto answer = contact.judge(contact.packet(opcode, body, 2));
      ASSERT_TRUE(std::holds_alternative<NewSession>(answer));
      const auto& session = std::get<NewSession>(answer);
      EXPECT_EQ(session.start, NewSession::Start::after_cookie);
      EXPECT_EQ(session.local, cookie);
      EXPECT_EQ(session.client, kClient);
      EXPECT_EQ(session.wrap.kind(), server.kind());
      EXPECT_FALSE(session.metadata);
    }
  }
}

// docs/protocol.md §20: packets of an independent model of the protocol.
TEST(FirstContact, UnderstandsTheResetsOfTheReferenceVectors) {
  const Bytes auth_reset =
      from_hex("38c1c2c3c4c5c6c7c89f3af48a4cc7416679b2bc5bf8b8877a3f7c76f900000001650000000000000000");
  Contact auth(with_wrap(tls_auth(KeyDirection::normal)), tls_auth(KeyDirection::inverse));
  EXPECT_EQ(auth.packet(Opcode::control_hard_reset_client_v2, reset_body()), auth_reset);
  EXPECT_TRUE(std::holds_alternative<ResetReply>(auth.judge(auth_reset)));

  const Bytes crypt_reset = from_hex(
      "38c1c2c3c4c5c6c7c8000000016500000035c582eec943eb77aa6ef2f0411029bc01859f0934845eea7387c8b5249a6d2a1017"
      "66f085");
  Contact crypt(with_wrap(tls_crypt(Role::server)), tls_crypt(Role::client));
  EXPECT_EQ(crypt.packet(Opcode::control_hard_reset_client_v2, reset_body()), crypt_reset);
  EXPECT_TRUE(std::holds_alternative<ResetReply>(crypt.judge(crypt_reset)));
}

TEST(FirstContact, KeepsNothingBetweenThePackets) {
  Contact first(FirstContactSettings{}, ControlWrap());
  const SessionId cookie = first.cookie_for(Opcode::control_hard_reset_client_v2);
  // The same answer may come any number of times, and after any number of resets.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(first.cookie_for(Opcode::control_hard_reset_client_v2), cookie);
    EXPECT_TRUE(std::holds_alternative<NewSession>(
        first.judge(first.packet(Opcode::control_v1, answer_body(cookie)))));
  }
}

TEST(FirstContact, WrongCookieFromWhereverIsRefused) {
  Contact contact(FirstContactSettings{}, ControlWrap());
  const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v2);
  const Bytes answer = contact.packet(Opcode::control_v1, answer_body(cookie));

  SessionId wrong = cookie;
  wrong.bytes[0] ^= std::byte{0x80};
  EXPECT_EQ(contact.dropped(contact.packet(Opcode::control_v1, answer_body(wrong))), DropReason::bad_cookie);

  Bytes other_client = answer;
  other_client[8] ^= std::byte{1};
  EXPECT_EQ(contact.dropped(other_client), DropReason::bad_cookie);

  for (const char* const address : {"c0000202 04aa", "c0000201 04ab", ""}) {
    const auto verdict = contact.gate.judge(answer, from_hex(address), contact.reply, at(0));
    ASSERT_TRUE(std::holds_alternative<DropReason>(verdict)) << address;
    EXPECT_EQ(std::get<DropReason>(verdict), DropReason::bad_cookie) << address;
  }

  EXPECT_EQ(contact.dropped(answer, at(-60)), DropReason::bad_cookie) << "from the future";
  EXPECT_EQ(contact.dropped(answer, at(59)), DropReason::none);
  EXPECT_EQ(contact.dropped(answer, at(120)), DropReason::bad_cookie) << "too old";
}

TEST(FirstContact, AnswerMustAcknowledgeTheResetAndNothingLater) {
  Contact contact(FirstContactSettings{}, ControlWrap());
  const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v2);

  ControlBody without_acks;
  without_acks.message_id = MessageId{1};
  EXPECT_EQ(contact.dropped(contact.packet(Opcode::control_v1, without_acks)), DropReason::unknown_peer);

  ControlBody late_message = answer_body(cookie);
  late_message.message_id = MessageId{2};
  EXPECT_EQ(contact.dropped(contact.packet(Opcode::control_v1, late_message)), DropReason::unknown_peer);

  ControlBody late_ack = answer_body(cookie);
  EXPECT_TRUE(late_ack.acks.push(MessageId{2}));
  EXPECT_EQ(contact.dropped(contact.packet(Opcode::control_v1, late_ack)), DropReason::unknown_peer);
}

TEST(FirstContact, OnlyFirstPacketsOfAClientAreLookedAt) {
  Contact contact(FirstContactSettings{}, ControlWrap());
  const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v2, reset_body());
  for (unsigned value = 0; value < 256; ++value) {
    Bytes packet = reset;
    packet[0] = static_cast<std::byte>(value);
    const bool reply = std::holds_alternative<ResetReply>(contact.judge(packet));
    EXPECT_EQ(reply, packet[0] == std::byte{0x38}) << value;
  }
  ControlBody bogus = reset_body();
  bogus.message_id = MessageId{1};
  EXPECT_EQ(contact.dropped(contact.packet(Opcode::control_hard_reset_client_v2, bogus)),
            DropReason::malformed);
}

TEST(FirstContact, EveryTruncationAndEveryDamagedByteIsDropped) {
  Contact contact = v2_contact(with_v2(tls_crypt(Role::server)));
  const Bytes packets[] = {
      contact.packet(Opcode::control_hard_reset_client_v2, reset_body()),
      contact.packet(Opcode::control_hard_reset_client_v3, reset_body(), kEarlyNegotiationId),
      contact.packet(Opcode::control_wkc_v1, answer_body(contact.cookie_for(
                                                 Opcode::control_hard_reset_client_v3, kEarlyNegotiationId))),
  };
  for (const Bytes& packet : packets) {
    ASSERT_EQ(contact.dropped(packet), DropReason::none);
    for (std::size_t size = 0; size < packet.size(); ++size) {
      EXPECT_NE(contact.dropped(std::span(packet).first(size)), DropReason::none)
          << size << " of " << packet.size();
    }
    for (std::size_t i = 0; i < packet.size(); ++i) {
      Bytes damaged = packet;
      damaged[i] ^= std::byte{0x10};
      EXPECT_NE(contact.dropped(damaged), DropReason::none) << "byte " << i << " of " << packet.size();
    }
  }
}

TEST(FirstContact, OversizedPacketIsDropped) {
  Contact contact(with_wrap(tls_crypt(Role::server)), tls_crypt(Role::client));
  ControlBody body = reset_body();
  const Bytes payload(4000);
  body.payload = payload;
  EXPECT_EQ(contact.dropped(contact.packet(Opcode::control_hard_reset_client_v2, body)), DropReason::too_big);
}

TEST(FirstContact, ResetsAreLimitedAndCompletedHandshakesGiveCredit) {
  FirstContactSettings settings;
  settings.initial_limit = {3, seconds(10)};
  Contact contact(std::move(settings), ControlWrap());
  const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v2, reset_body());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(contact.dropped(reset), DropReason::none);
  EXPECT_EQ(contact.dropped(reset), DropReason::rate_limited);
  contact.gate.handshake_completed();
  EXPECT_EQ(contact.dropped(reset), DropReason::none);
  EXPECT_EQ(contact.dropped(reset), DropReason::rate_limited);
  EXPECT_EQ(contact.dropped(reset, at(10)), DropReason::none) << "a new period";
}

TEST(FirstContact, PacketsThatDoNotAuthenticateUseUpNoLimit) {
  FirstContactSettings settings = with_wrap(tls_crypt(Role::server));
  settings.initial_limit = {1, seconds(10)};
  Contact contact(std::move(settings), tls_crypt(Role::client));
  const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v2, reset_body());
  Bytes forged = reset;
  forged.back() ^= std::byte{1};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(contact.dropped(forged), DropReason::bad_wrap);
  EXPECT_EQ(contact.dropped(reset), DropReason::none);
}

TEST(FirstContact, SessionsAreLimitedOnTheirOwn) {
  FirstContactSettings settings;
  settings.session_limit = {1, seconds(10)};
  Contact contact(std::move(settings), ControlWrap());
  const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v2);
  const Bytes answer = contact.packet(Opcode::control_v1, answer_body(cookie));
  EXPECT_EQ(contact.dropped(answer), DropReason::none);
  EXPECT_EQ(contact.dropped(answer), DropReason::rate_limited);
}

TEST(FirstContactV2, AsksForTheKeyAgainAndTakesItWithTheCookie) {
  Contact contact = v2_contact(with_v2());
  const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v3, kEarlyNegotiationId);
  EXPECT_TRUE(std::ranges::equal(contact.reply_body.payload, from_hex("0001 0002 0001")));

  const auto verdict = contact.judge(contact.packet(Opcode::control_wkc_v1, answer_body(cookie), 0x0F000002));
  ASSERT_TRUE(std::holds_alternative<NewSession>(verdict));
  const auto& session = std::get<NewSession>(verdict);
  EXPECT_EQ(session.start, NewSession::Start::after_cookie);
  EXPECT_EQ(session.local, cookie);
  EXPECT_EQ(session.wrap.kind(), ControlWrap::Kind::tls_crypt);
  ASSERT_TRUE(session.metadata);
  EXPECT_EQ(session.metadata->as_timestamp(), kTime);
}

// CVE-2026-13698, CVE-2026-12932: each such packet left something behind.
TEST(FirstContactV2, PacketsThatComeAgainAndAgainLeaveNothingBehind) {
  Contact contact = v2_contact(with_v2());
  const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v3, kEarlyNegotiationId);
  const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v3, reset_body(), kEarlyNegotiationId);
  const Bytes answer = contact.packet(Opcode::control_wkc_v1, answer_body(cookie), 0x0F000002);
  const auto repeat = [&](int times) {
    for (int i = 0; i < times; ++i) {
      (void)contact.judge(reset);
      (void)contact.judge(answer);
    }
    return ::mallinfo2().uordblks;
  };
  const std::size_t before = repeat(100);
  EXPECT_LE(repeat(20000), before + 4096);
}

TEST(FirstContactV2, ReplyHasTheSizeOfTheReferenceVector) {
  Contact contact = v2_contact(with_v2());
  EXPECT_EQ(contact.wrapped_key.size(), 299U);
  const auto verdict =
      contact.judge(contact.packet(Opcode::control_hard_reset_client_v3, reset_body(), kEarlyNegotiationId));
  ASSERT_TRUE(std::holds_alternative<ResetReply>(verdict));
  EXPECT_EQ(std::get<ResetReply>(verdict).size, 72U);
}

TEST(FirstContactV2, OldClientsNeedASessionAtOnceOrAreRefused) {
  Contact admitted = v2_contact(with_v2());
  const Bytes reset = admitted.packet(Opcode::control_hard_reset_client_v3, reset_body());
  const auto verdict = admitted.judge(reset);
  ASSERT_TRUE(std::holds_alternative<NewSession>(verdict));
  const auto& session = std::get<NewSession>(verdict);
  EXPECT_EQ(session.start, NewSession::Start::from_client_reset);
  EXPECT_EQ(session.client, kClient);
  EXPECT_FALSE(session.local.is_zero());
  EXPECT_TRUE(session.metadata);

  FirstContactSettings strict = with_v2();
  strict.old_clients = OldTlsCryptV2Clients::refuse;
  Contact refused = v2_contact(std::move(strict));
  EXPECT_EQ(refused.dropped(reset), DropReason::bad_cookie);
}

TEST(FirstContactV2, SessionsWithoutCookieCountTowardsTheInitialLimit) {
  FirstContactSettings settings = with_v2();
  settings.initial_limit = {2, seconds(10)};
  Contact contact = v2_contact(std::move(settings));
  const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v3, reset_body());
  EXPECT_EQ(contact.dropped(reset), DropReason::none);
  EXPECT_EQ(contact.dropped(reset), DropReason::none);
  EXPECT_EQ(contact.dropped(reset), DropReason::rate_limited);
}

TEST(FirstContactV2, StandsBesideOneOtherWrappingButNeverBesideNone) {
  Contact crypt(with_v2(tls_crypt(Role::server)), tls_crypt(Role::client));
  EXPECT_FALSE(crypt.cookie_for(Opcode::control_hard_reset_client_v2).is_zero());

  Contact auth(with_v2(tls_auth(KeyDirection::normal)), tls_auth(KeyDirection::inverse));
  EXPECT_FALSE(auth.cookie_for(Opcode::control_hard_reset_client_v2).is_zero());

  Contact plain(with_v2(), ControlWrap());
  EXPECT_EQ(plain.dropped(plain.packet(Opcode::control_hard_reset_client_v2, reset_body())),
            DropReason::bad_wrap);
}

TEST(FirstContactV2, WithoutServerKeyNoWrappedKeyIsAccepted) {
  Contact contact = v2_contact(with_wrap(tls_crypt(Role::server)));
  EXPECT_EQ(contact.dropped(
                contact.packet(Opcode::control_hard_reset_client_v3, reset_body(), kEarlyNegotiationId)),
            DropReason::bad_tls_crypt_v2_key);
}

TEST(FirstContactV2, LyingLengthOfTheWrappedKeyIsRefused) {
  Contact contact = v2_contact(with_v2());
  const Bytes reset = contact.packet(Opcode::control_hard_reset_client_v3, reset_body(), kEarlyNegotiationId);
  for (unsigned length = 0; length <= 0xFFFF; ++length) {
    if (length == contact.wrapped_key.size()) continue;
    Bytes lying = reset;
    lying[lying.size() - 2] = static_cast<std::byte>(length >> 8);
    lying[lying.size() - 1] = static_cast<std::byte>(length & 0xFF);
    ASSERT_EQ(contact.dropped(lying), DropReason::bad_tls_crypt_v2_key) << length;
  }
}

TEST(FirstContactStream, ResetMakesASessionAtOnce) {
  Contact contact = v2_contact(with_v2(tls_crypt(Role::server)));
  for (const Opcode opcode : {Opcode::control_hard_reset_client_v2, Opcode::control_hard_reset_client_v3}) {
    const auto verdict =
        contact.gate.judge_stream(contact.packet(opcode, reset_body(), kEarlyNegotiationId), at(0));
    ASSERT_TRUE(std::holds_alternative<NewSession>(verdict));
    EXPECT_EQ(std::get<NewSession>(verdict).start, NewSession::Start::from_client_reset);
    EXPECT_EQ(std::get<NewSession>(verdict).metadata.has_value(),
              opcode == Opcode::control_hard_reset_client_v3);
  }
}

TEST(FirstContactStream, AnythingElseMakesNone) {
  Contact contact(FirstContactSettings{}, ControlWrap());
  const SessionId cookie = contact.cookie_for(Opcode::control_hard_reset_client_v2);
  const auto verdict =
      contact.gate.judge_stream(contact.packet(Opcode::control_v1, answer_body(cookie)), at(0));
  ASSERT_TRUE(std::holds_alternative<DropReason>(verdict));
  EXPECT_EQ(std::get<DropReason>(verdict), DropReason::unknown_peer);
}

}  // namespace
}  // namespace vpnd::proto
