#include "proto/push.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/control_message.hpp"

namespace vpnd::proto {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> assemble(const std::vector<std::string>& messages) {
  PushAssembler assembler;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ControlMessage message = classify_control_message(messages[i]);
    EXPECT_EQ(message.kind, ControlMessageKind::push_reply);
    EXPECT_EQ(assembler.add(message.arguments),
              i + 1 == messages.size() ? PushProgress::complete : PushProgress::incomplete);
  }
  return assembler.take_options();
}

TEST(PushReply, ShortListIsOneMessage) {
  const std::vector<std::string> options{"ifconfig 10.8.0.2 255.255.255.0", "peer-id 0"};
  EXPECT_THAT(format_push_reply(options).messages,
              ElementsAre("PUSH_REPLY,ifconfig 10.8.0.2 255.255.255.0,peer-id 0"));
  EXPECT_THAT(format_push_reply({}).messages, ElementsAre("PUSH_REPLY"));
}

TEST(PushUpdate, HasAWordOfItsOwn) {
  const std::vector<std::string> options{"-route", "?tun-mtu 1400"};
  const auto messages = format_push_update(options).messages;
  EXPECT_THAT(messages, ElementsAre("PUSH_UPDATE,-route,?tun-mtu 1400"));
  EXPECT_EQ(classify_control_message(messages[0]).kind, ControlMessageKind::push_update);
}

TEST(PushReply, LongListContinuesAndComesBackWhole) {
  for (const std::size_t size : {1U, 17U, 128U, 255U}) {
    for (const std::size_t count : {1U, 3U, 4U, 50U, 200U}) {
      std::vector<std::string> options;
      for (std::size_t i = 0; i < count; ++i) options.emplace_back(size, static_cast<char>('a' + i % 26));
      const PushMessages pushed = format_push_reply(options);
      ASSERT_TRUE(pushed.error.empty()) << pushed.error;
      for (const std::string& message : pushed.messages) EXPECT_LE(message.size(), kMaxPushMessageSize);
      if (pushed.messages.size() > 1) {
        EXPECT_THAT(pushed.messages.front(), EndsWith(",push-continuation 2"));
        EXPECT_THAT(pushed.messages.back(), EndsWith(",push-continuation 1"));
      }
      EXPECT_EQ(assemble(pushed.messages), options) << count << " options of " << size;
    }
  }
}

TEST(PushReply, OptionThatCannotBePushedIsAnErrorThatNamesIt) {
  const struct {
    std::string option;
    const char* problem;
  } cases[] = {
      {"dhcp-option DNS 1.1.1.1,2.2.2.2", "comma"},
      {std::string(256, 'x'), "longer than 255"},
      {"echo a\nb", "not printable"},
      {"", "empty"},
  };
  for (const auto& [option, problem] : cases) {
    const PushMessages pushed = format_push_reply(std::vector<std::string>{"ping 10", option});
    EXPECT_THAT(pushed.error, HasSubstr(problem)) << option;
    EXPECT_THAT(pushed.messages, IsEmpty()) << option;
  }
}

TEST(PushAssembler, AppliesNothingBeforeTheLastMessage) {
  PushAssembler assembler;
  EXPECT_EQ(assembler.add("ping 10,push-continuation 2"), PushProgress::incomplete);
  EXPECT_EQ(assembler.add("peer-id 1,push-continuation  2"), PushProgress::incomplete);
  EXPECT_EQ(assembler.add("ping-restart 60,push-continuation 1"), PushProgress::complete);
  EXPECT_THAT(assembler.take_options(), ElementsAre("ping 10", "peer-id 1", "ping-restart 60"));
}

TEST(PushAssembler, EmptyOptionsAreLeftOutAndSimilarNamesKept) {
  PushAssembler assembler;
  EXPECT_EQ(assembler.add(",,ping 10,,push-continuations 2,"), PushProgress::complete);
  EXPECT_THAT(assembler.take_options(), ElementsAre("ping 10", "push-continuations 2"));
  EXPECT_EQ(assembler.add(""), PushProgress::complete);
  EXPECT_THAT(assembler.take_options(), IsEmpty());
}

TEST(PushAssembler, ACompleteReplyMakesRoomForTheNext) {
  PushAssembler assembler;
  EXPECT_EQ(assembler.add("ping 10"), PushProgress::complete);
  EXPECT_EQ(assembler.add("auth-token x"), PushProgress::complete);
  EXPECT_THAT(assembler.take_options(), ElementsAre("auth-token x"));
}

TEST(PushAssembler, ReplyWithoutEndIsRefused) {
  PushAssembler assembler;
  for (std::size_t i = 0; i < PushAssembler::kMaxMessages; ++i) {
    ASSERT_EQ(assembler.add("push-continuation 2"), PushProgress::incomplete) << i;
  }
  EXPECT_EQ(assembler.add("push-continuation 2"), PushProgress::refused);
  EXPECT_EQ(assembler.add("ping 10"), PushProgress::complete) << "and the next begins anew";
  EXPECT_THAT(assembler.take_options(), ElementsAre("ping 10"));
}

TEST(PushAssembler, TooManyBytesOrOptionsAreRefused) {
  PushAssembler bytes;
  std::string large(PushAssembler::kMaxBytes / 2, 'x');
  large += ",push-continuation 2";
  EXPECT_EQ(bytes.add(large), PushProgress::incomplete);
  EXPECT_EQ(bytes.add(large), PushProgress::refused);

  PushAssembler options;
  std::string many;
  for (std::size_t i = 0; i <= PushAssembler::kMaxOptions; ++i) many += "x,";
  EXPECT_EQ(options.add(many), PushProgress::refused);
  EXPECT_THAT(options.take_options(), IsEmpty());
}

}  // namespace
}  // namespace vpnd::proto
