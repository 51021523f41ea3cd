#include "proto/control_message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using namespace std::string_view_literals;
using std::chrono::seconds;
using test::from_text;
using testing::ElementsAre;
using testing::IsEmpty;

struct Read {
  std::vector<std::string> messages;
  std::size_t refused;
};

Read read(std::string_view record) {
  const auto bytes = from_text(record);
  ControlMessageReader reader(bytes);
  Read result{};
  while (const auto message = reader.next()) result.messages.emplace_back(*message);
  result.refused = reader.refused();
  return result;
}

TEST(ControlMessageReader, SplitsARecordAtItsNuls) {
  EXPECT_THAT(read("PUSH_REQUEST\0EXIT\0"sv).messages, ElementsAre("PUSH_REQUEST", "EXIT"));
  EXPECT_THAT(read("EXIT").messages, ElementsAre("EXIT")) << "the last NUL may be missing";
  EXPECT_THAT(read("\0\0EXIT\0\0"sv).messages, ElementsAre("EXIT"));
  EXPECT_THAT(read("").messages, IsEmpty());
}

TEST(ControlMessageReader, StripsLineEndsAtTheEndOnly) {
  EXPECT_THAT(read("INFO,x\r\n\0"sv).messages, ElementsAre("INFO,x"));
  const Read inner = read("INFO,x\ny\0EXIT\0"sv);
  EXPECT_THAT(inner.messages, ElementsAre("EXIT"));
  EXPECT_EQ(inner.refused, 1U);
}

TEST(ControlMessageReader, RefusesEveryByteThatIsNotPrintable) {
  for (int byte = 1; byte < 256; ++byte) {
    const std::string record = std::string("INFO,a") + static_cast<char>(byte) + "b";
    const bool printable = byte >= 0x20 && byte <= 0x7E;
    const Read result = read(record);
    EXPECT_EQ(result.messages.size(), printable ? 1U : 0U) << byte;
    EXPECT_EQ(result.refused, printable ? 0U : 1U) << byte;
  }
}

TEST(ControlMessage, WordsAreRecognisedWholeOnly) {
  const struct {
    std::string_view message;
    ControlMessageKind kind;
    std::string_view arguments;
  } cases[] = {
      {"PUSH_REQUEST", ControlMessageKind::push_request, ""},
      {"PUSH_REPLY", ControlMessageKind::push_reply, ""},
      {"PUSH_REPLY,ping 10,peer-id 0", ControlMessageKind::push_reply, "ping 10,peer-id 0"},
      {"PUSH_UPDATE,-dns", ControlMessageKind::push_update, "-dns"},
      {"AUTH_FAILED,no", ControlMessageKind::auth_failed, "no"},
      {"AUTH_PENDING,timeout 5", ControlMessageKind::auth_pending, "timeout 5"},
      {"RESTART,[N]bye", ControlMessageKind::restart, "[N]bye"},
      {"HALT", ControlMessageKind::halt, ""},
      {"EXIT", ControlMessageKind::exit, ""},
      {"INFO_PRE,OPEN_URL:https://x", ControlMessageKind::info_pre, "OPEN_URL:https://x"},
      {"INFO,x", ControlMessageKind::info, "x"},
      {"CR_RESPONSE,YQ==", ControlMessageKind::challenge_response, "YQ=="},
      {"PUSH_REPLYx", ControlMessageKind::unknown, "PUSH_REPLYx"},
      {"INFO_POST,x", ControlMessageKind::unknown, "INFO_POST,x"},
      {"exit", ControlMessageKind::unknown, "exit"},
      {"", ControlMessageKind::unknown, ""},
  };
  for (const auto& [message, kind, arguments] : cases) {
    const ControlMessage classified = classify_control_message(message);
    EXPECT_EQ(classified.kind, kind) << message;
    EXPECT_EQ(classified.arguments, arguments) << message;
  }
}

TEST(AuthFailure, KindsAreToldApart) {
  EXPECT_EQ(parse_auth_failure("").kind, AuthFailure::Kind::rejected);
  EXPECT_EQ(parse_auth_failure("wrong password").reason, "wrong password");

  const AuthFailure expired = parse_auth_failure("SESSION:token expired");
  EXPECT_EQ(expired.kind, AuthFailure::Kind::session_expired);
  EXPECT_EQ(expired.reason, "token expired");

  const AuthFailure challenge = parse_auth_failure("CRV1:R,E:abc:dXNlcg==:PIN?");
  EXPECT_EQ(challenge.kind, AuthFailure::Kind::dynamic_challenge);
  EXPECT_EQ(challenge.reason, "CRV1:R,E:abc:dXNlcg==:PIN?");

  EXPECT_EQ(parse_auth_failure("TEMPER").kind, AuthFailure::Kind::rejected);
}

TEST(AuthFailure, TemporaryOneSaysWhenAndWhereToTryAgain) {
  const AuthFailure failure = parse_auth_failure("TEMP[backoff 42,advance remote]:server is full");
  EXPECT_EQ(failure.kind, AuthFailure::Kind::temporary);
  EXPECT_EQ(failure.backoff, seconds(42));
  EXPECT_EQ(failure.advance, AuthFailure::Advance::remote);
  EXPECT_EQ(failure.reason, "server is full");

  EXPECT_EQ(parse_auth_failure("TEMP[advance addr, backoff 7]").advance, AuthFailure::Advance::address);
  EXPECT_EQ(parse_auth_failure("TEMP[advance addr, backoff 7]").backoff, seconds(7));
  EXPECT_EQ(parse_auth_failure("TEMP[advance no]:x").advance, AuthFailure::Advance::no);
  EXPECT_EQ(parse_auth_failure("TEMP:x").reason, "x");
  EXPECT_EQ(parse_auth_failure("TEMP").kind, AuthFailure::Kind::temporary);
}

TEST(AuthFailure, HostileTemporaryFailuresAskForNothing) {
  for (const char* const text :
       {"TEMP[backoff -1]", "TEMP[backoff x]", "TEMP[backoff 99999999999]", "TEMP[backoff 5", "TEMP[]",
        "TEMP[,,,]", "TEMP[advance sideways]", "TEMP[backoff]"}) {
    const AuthFailure failure = parse_auth_failure(text);
    EXPECT_EQ(failure.kind, AuthFailure::Kind::temporary) << text;
    EXPECT_FALSE(failure.backoff) << text;
    EXPECT_EQ(failure.advance, AuthFailure::Advance::unspecified) << text;
  }
  EXPECT_EQ(parse_auth_failure("TEMP[backoff 4000000000]").backoff, std::chrono::hours(24)) << "bounded";
}

TEST(AuthFailure, WhatIsWrittenIsReadBack) {
  const AuthFailure failures[] = {
      {},
      {AuthFailure::Kind::rejected, "no", {}, {}},
      {AuthFailure::Kind::session_expired, "expired", {}, {}},
      {AuthFailure::Kind::dynamic_challenge, "CRV1:R:id:dQ==:PIN", {}, {}},
      {AuthFailure::Kind::temporary, "", {}, {}},
      {AuthFailure::Kind::temporary, "full", seconds(42), AuthFailure::Advance::remote},
      {AuthFailure::Kind::temporary, "", seconds(1), AuthFailure::Advance::unspecified},
      {AuthFailure::Kind::temporary, "x", {}, AuthFailure::Advance::no},
      {AuthFailure::Kind::temporary, "x", {}, AuthFailure::Advance::address},
  };
  for (const AuthFailure& failure : failures) {
    const std::string message = format_auth_failure(failure);
    const ControlMessage classified = classify_control_message(message);
    ASSERT_EQ(classified.kind, ControlMessageKind::auth_failed) << message;
    const AuthFailure parsed = parse_auth_failure(classified.arguments);
    EXPECT_EQ(parsed.kind, failure.kind) << message;
    EXPECT_EQ(parsed.reason, failure.reason) << message;
    EXPECT_EQ(parsed.backoff, failure.backoff) << message;
    EXPECT_EQ(parsed.advance, failure.advance) << message;
  }
  EXPECT_EQ(format_auth_failure(failures[5]), "AUTH_FAILED,TEMP[backoff 42,advance remote]:full");
}

TEST(AuthPending, TimeoutIsOptionalAndBounded) {
  EXPECT_EQ(parse_auth_pending("timeout 120"), seconds(120));
  EXPECT_EQ(parse_auth_pending("timeout 120,later keyword"), seconds(120));
  EXPECT_EQ(parse_auth_pending(""), std::nullopt);
  EXPECT_EQ(parse_auth_pending("timeout"), std::nullopt);
  EXPECT_EQ(parse_auth_pending("timeout soon"), std::nullopt);
  EXPECT_EQ(parse_auth_pending("timeout 4000000000"), std::chrono::hours(24));
}

TEST(ServerSignal, FlagsStandInBracketsBeforeTheText) {
  const ServerSignal both = parse_server_signal("[NP]moving house");
  EXPECT_TRUE(both.next_remote);
  EXPECT_TRUE(both.keep_credentials);
  EXPECT_EQ(both.text, "moving house");

  const ServerSignal none = parse_server_signal("NP");
  EXPECT_FALSE(none.next_remote);
  EXPECT_FALSE(none.keep_credentials);
  EXPECT_EQ(none.text, "NP");
  EXPECT_EQ(parse_server_signal("[N").text, "[N") << "an open bracket is text";
}

}  // namespace
}  // namespace vpnd::proto
