#include "proto/key_method.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "tests/proto/bytes.hpp"

namespace vpnd::proto {
namespace {

using crypto::Role;
using test::Bytes;
using test::from_hex;
using test::from_text;

constexpr std::size_t kClientSecrets = 48 + 32 + 32;
constexpr std::size_t kServerSecrets = 32 + 32;

template <typename Secret>
bool filled_with(const Secret& secret, int value) {
  const auto bytes = secret.expose();
  return std::all_of(bytes.begin(), bytes.end(),
                     [&](std::byte b) { return b == static_cast<std::byte>(value); });
}

KeyMethodMessage client_message() {
  KeyMethodMessage message;
  std::ranges::fill(message.sources.pre_master.expose(), std::byte{1});
  std::ranges::fill(message.sources.random1.expose(), std::byte{2});
  std::ranges::fill(message.sources.random2.expose(), std::byte{3});
  message.options = "V4,dev-type tun";
  message.username = "ada";
  message.password = crypto::SecretString(std::string_view("lovelace"));
  message.peer_info = "IV_PROTO=2\n";
  return message;
}

Bytes format(Role sender, const KeyMethodMessage& message) {
  Bytes record(kMaxKeyMethodSize);
  record.resize(format_key_method(sender, message, record));
  return record;
}

// A client's message up to its texts.
Bytes client_head() {
  Bytes head = from_hex("00000000 02");
  head.resize(head.size() + kClientSecrets);
  return head;
}

void append_text(Bytes& record, std::size_t size, std::string_view bytes) {
  record.push_back(static_cast<std::byte>(size >> 8));
  record.push_back(static_cast<std::byte>(size & 0xFF));
  const Bytes text = from_text(bytes);
  record.insert(record.end(), text.begin(), text.end());
}

TEST(KeyMethod, ClientsMessageHasTheLayoutOfTheProtocol) {
  const Bytes record = format(Role::client, client_message());
  Bytes expected = from_hex("00000000 02");
  expected.insert(expected.end(), 48, std::byte{1});
  expected.insert(expected.end(), 32, std::byte{2});
  expected.insert(expected.end(), 32, std::byte{3});
  append_text(expected, 16, std::string_view("V4,dev-type tun\0", 16));
  append_text(expected, 4, std::string_view("ada\0", 4));
  append_text(expected, 9, std::string_view("lovelace\0", 9));
  append_text(expected, 12, std::string_view("IV_PROTO=2\n\0", 12));
  EXPECT_EQ(record, expected);
}

TEST(KeyMethod, ServersMessageHasNoPreMasterAndAbsentTextsHaveNoNul) {
  KeyMethodMessage message;
  message.options = "V4";
  const Bytes record = format(Role::server, message);
  ASSERT_EQ(record.size(), 5 + kServerSecrets + (2 + 3) + 2 + 2 + 2);
  EXPECT_TRUE(std::all_of(record.end() - 6, record.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(KeyMethod, WhatIsWrittenIsReadBack) {
  const Bytes record = format(Role::client, client_message());
  const auto parsed = parse_key_method(Role::client, record);
  ASSERT_EQ(parsed.error, KeyMethodError::none) << text(parsed.error);
  EXPECT_TRUE(filled_with(parsed.message.sources.pre_master, 1));
  EXPECT_TRUE(filled_with(parsed.message.sources.random1, 2));
  EXPECT_TRUE(filled_with(parsed.message.sources.random2, 3));
  EXPECT_EQ(parsed.message.options, "V4,dev-type tun");
  EXPECT_EQ(parsed.message.username, "ada");
  EXPECT_EQ(parsed.message.password.expose(), "lovelace");
  EXPECT_EQ(parsed.message.peer_info, "IV_PROTO=2\n");
}

TEST(KeyMethod, EveryTruncationIsNoticedExceptBetweenTheTextsOfOlderPeers) {
  const Bytes record = format(Role::client, client_message());
  const std::size_t options = 5 + kClientSecrets;
  const std::array ends{options, options + 18, options + 18 + 6, options + 18 + 6 + 11, record.size()};
  for (std::size_t size = 0; size <= record.size(); ++size) {
    const bool between = std::find(ends.begin(), ends.end(), size) != ends.end();
    EXPECT_EQ(parse_key_method(Role::client, std::span(record).first(size)).error,
              between ? KeyMethodError::none : KeyMethodError::truncated)
        << size << " of " << record.size() << " bytes";
  }
}

TEST(KeyMethod, OnlyTheLowNibbleOfTheMethodCounts) {
  Bytes record = format(Role::server, {});
  record[4] = std::byte{0xF2};
  EXPECT_EQ(parse_key_method(Role::server, record).error, KeyMethodError::none);
  record[4] = std::byte{1};
  EXPECT_EQ(parse_key_method(Role::server, record).error, KeyMethodError::unsupported_method);
  record[4] = std::byte{2};
  record[0] = std::byte{1};
  EXPECT_EQ(parse_key_method(Role::server, record).error, KeyMethodError::unsupported_method);
}

TEST(KeyMethod, TextWithoutNulEndsWhereItsLengthSaysAndTextWithNulAtTheNul) {
  Bytes record = client_head();
  append_text(record, 2, "V4");
  append_text(record, 7, std::string_view("ada\0xyz", 7));
  const auto parsed = parse_key_method(Role::client, record);
  ASSERT_EQ(parsed.error, KeyMethodError::none);
  EXPECT_EQ(parsed.message.options, "V4");
  EXPECT_EQ(parsed.message.username, "ada");
}

TEST(KeyMethod, LengthsThatRunPastTheRecordAreRefused) {
  for (const std::size_t size : {4U, 255U, 0xFFFFU}) {
    Bytes record = client_head();
    append_text(record, size, "V4\0");
    EXPECT_EQ(parse_key_method(Role::client, record).error, KeyMethodError::truncated) << size;
  }
}

TEST(KeyMethod, OptionsAndPeerInfoBeyondTheirLimitAreAnError) {
  for (const std::size_t length :
       {KeyMethodMessage::kMaxOptionsSize - 1, KeyMethodMessage::kMaxOptionsSize}) {
    Bytes record = client_head();
    append_text(record, length, std::string(length, 'o'));
    EXPECT_EQ(parse_key_method(Role::client, record).error, length < KeyMethodMessage::kMaxOptionsSize
                                                                ? KeyMethodError::none
                                                                : KeyMethodError::text_too_long);
  }
  Bytes record = client_head();
  for (int i = 0; i < 3; ++i) append_text(record, 0, "");
  append_text(record, KeyMethodMessage::kMaxPeerInfoSize,
              std::string(KeyMethodMessage::kMaxPeerInfoSize, 'p'));
  EXPECT_EQ(parse_key_method(Role::client, record).error, KeyMethodError::text_too_long);
}

TEST(KeyMethod, CredentialsBeyondTheirLimitAreAWrongPasswordNotABrokenMessage) {
  const std::string longest(KeyMethodMessage::kMaxCredentialSize - 1, 'c');
  Bytes record = client_head();
  append_text(record, 2, "V4");
  append_text(record, longest.size() + 1, longest + "c");
  append_text(record, 0, "");
  append_text(record, 4, "ID=1");
  const auto parsed = parse_key_method(Role::client, record);
  EXPECT_EQ(parsed.error, KeyMethodError::credentials_too_long);
  EXPECT_EQ(parsed.message.options, "V4");
  EXPECT_EQ(parsed.message.peer_info, "ID=1");
  EXPECT_TRUE(parsed.message.username.empty());

  Bytes fitting = client_head();
  append_text(fitting, 0, "");
  append_text(fitting, longest.size(), longest);
  EXPECT_EQ(parse_key_method(Role::client, fitting).message.username, longest);
}

TEST(KeyMethod, IsNotWrittenWhenItDoesNotFit) {
  const KeyMethodMessage message = client_message();
  const std::size_t needed = format(Role::client, message).size();
  for (std::size_t room = 0; room < needed; ++room) {
    Bytes out(room);
    EXPECT_EQ(format_key_method(Role::client, message, out), 0U) << room;
  }
  KeyMethodMessage too_long = client_message();
  too_long.options.assign(KeyMethodMessage::kMaxOptionsSize, 'o');
  EXPECT_TRUE(format(Role::client, too_long).empty());
}

TEST(KeySources, OnlyAClientMakesAPreMaster) {
  const KeySources client = KeySources::generate(Role::client);
  const KeySources server = KeySources::generate(Role::server);
  EXPECT_FALSE(filled_with(client.pre_master, 0));
  EXPECT_TRUE(filled_with(server.pre_master, 0));
  EXPECT_FALSE(std::ranges::equal(client.random1.expose(), client.random2.expose()));
  EXPECT_FALSE(std::ranges::equal(client.random1.expose(), server.random1.expose()));
}

}  // namespace
}  // namespace vpnd::proto
