#include "vpnd/management/interface.hpp"

#include <gmock/gmock.h>

#include "tests/vpnd/management/interface_fixture.hpp"

namespace vpnd::management {
namespace {

using testing::HasSubstr;

class InterfaceTest : public test::InterfaceFixture {};

TEST_F(InterfaceTest, AsksForUserNameAndPassword) {
  Session& session = greeted();
  std::optional<Answer> answer;
  shared->ask({Question::Kind::user_and_password, "Auth", " SC:1,Enter PIN"},
              [&](Answer&& given) { answer.emplace(std::move(given)); });
  const std::string question = ">PASSWORD:Need 'Auth' username/password SC:1,Enter PIN\r\n";
  EXPECT_EQ(session.take_output(), question);
  EXPECT_THAT(connect().take_output(), HasSubstr(question)) << "who comes later is asked too";
  EXPECT_EQ(say(session, "username \"Auth\" alice"),
            "SUCCESS: 'Auth' username entered, but not yet verified\r\n");
  EXPECT_EQ(say(session, "password Foo x"),
            "ERROR: password of type 'Foo' entered, but we need one of type 'Auth'\r\n");
  EXPECT_EQ(say(session, "needok Auth ok"),
            "ERROR: no needok-confirmation is currently needed at this time\r\n");
  EXPECT_FALSE(answer);
  EXPECT_EQ(say(session, "password \"Auth\" \"se\\\"cret\""),
            "SUCCESS: 'Auth' password entered, but not yet verified\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->username, "alice");
  EXPECT_EQ(answer->text.expose(), "se\"cret");
  EXPECT_EQ(say(session, "password Auth x"), "ERROR: no password is currently needed at this time\r\n");
}

TEST_F(InterfaceTest, AsksForOneThing) {
  Session& session = greeted();
  std::string given;
  const auto take = [&](Answer&& answer) { given = answer.text.expose(); };
  shared->ask({Question::Kind::password, "Private Key", ""}, take);
  EXPECT_EQ(session.take_output(), ">PASSWORD:Need 'Private Key' password\r\n");
  EXPECT_EQ(say(session, "username \"Private Key\" x"),
            "ERROR: no username is currently needed at this time\r\n");
  (void)say(session, "password \"Private Key\" foo");
  EXPECT_EQ(given, "foo");
  shared->ask({Question::Kind::confirmation, "token", " MSG:Insert it"}, take);
  EXPECT_EQ(session.take_output(), ">NEED-OK:Need 'token' confirmation MSG:Insert it\r\n");
  EXPECT_EQ(say(session, "needok token ok"),
            "SUCCESS: 'token' needok-confirmation entered, but not yet verified\r\n");
  EXPECT_EQ(given, "ok");
  shared->ask({Question::Kind::string, "name", " MSG:Your name"}, take);
  EXPECT_EQ(session.take_output(), ">NEED-STR:Need 'name' string MSG:Your name\r\n");
  (void)say(session, "needstr name John");
  EXPECT_EQ(given, "John");
}

TEST_F(InterfaceTest, ForgetsAQuestionThatIsWithdrawn) {
  Session& session = greeted();
  shared->ask({Question::Kind::password, "Auth", ""}, [](Answer&&) { ADD_FAILURE() << "answered"; });
  shared->withdraw();
  (void)session.take_output();
  EXPECT_EQ(say(session, "password Auth x"), "ERROR: no password is currently needed at this time\r\n");
}

TEST_F(InterfaceTest, WaitsForARelease) {
  options.hold = true;
  Session& session = greeted();
  EXPECT_TRUE(shared->hold());
  int released = 0;
  shared->await_release(10, [&] { ++released; });
  EXPECT_EQ(session.take_output(), ">HOLD:Waiting for hold release:10\r\n");
  EXPECT_EQ(say(session, "hold off"), "SUCCESS: hold flag set to OFF\r\n");
  EXPECT_EQ(released, 0);
  EXPECT_EQ(say(session, "hold release"), "SUCCESS: hold release succeeded\r\n");
  EXPECT_EQ(say(session, "hold release"), "SUCCESS: hold release succeeded\r\n");
  EXPECT_EQ(released, 1);
}

TEST_F(InterfaceTest, AsksAboutARemote) {
  Session& session = greeted();
  shared->set_target(&client);
  std::optional<RemoteChoice> choice;
  const auto ask = [&] {
    shared->ask_remote("vpn.example.org", 1194, "udp", [&](const RemoteChoice& chosen) { choice = chosen; });
    EXPECT_EQ(session.take_output(), ">REMOTE:vpn.example.org,1194,udp\r\n");
  };
  EXPECT_EQ(say(session, "remote ACCEPT"), "ERROR: remote command failed\r\n") << "nobody has asked";
  ask();
  for (const char* wrong : {"remote MOD", "remote MOD host", "remote MOD host 0", "remote MOD host 1x",
                            "remote ?", "remote SKIP 0", "remote ACCEPT now"})
    EXPECT_EQ(say(session, wrong), "ERROR: remote command failed\r\n") << wrong;
  EXPECT_FALSE(choice);
  EXPECT_EQ(say(session, "remote MOD other.example.org 1234"), "SUCCESS: remote command succeeded\r\n");
  EXPECT_EQ(choice->host, "other.example.org");
  EXPECT_EQ(choice->port, 1234);
  ask();
  (void)say(session, "remote SKIP 3");
  EXPECT_EQ(choice->kind, RemoteChoice::Kind::skip);
  EXPECT_EQ(choice->count, 3U);
}

TEST_F(InterfaceTest, AsksAboutAProxy) {
  Session& session = greeted();
  shared->set_target(&client);
  std::optional<ProxyChoice> choice;
  shared->ask_proxy("TCP", "vpn.example.org", [&](const ProxyChoice& chosen) { choice = chosen; });
  EXPECT_EQ(session.take_output(), ">PROXY:1,TCP,vpn.example.org\r\n");
  EXPECT_EQ(say(session, "proxy HTTP host"), "ERROR: proxy command failed\r\n");
  EXPECT_EQ(say(session, "proxy HTTP proxy.intranet 8080 nct"), "SUCCESS: proxy command succeeded\r\n");
  EXPECT_EQ(choice->kind, ProxyChoice::Kind::http);
  EXPECT_EQ(choice->host, "proxy.intranet");
  EXPECT_EQ(choice->port, 8080);
}

TEST_F(InterfaceTest, ThrowsSignals) {
  Session& session = greeted();
  std::optional<Signal> thrown;
  shared->set_signal_handler([&](Signal signal) { thrown = signal; });
  EXPECT_EQ(say(session, "signal SIGUSR1"), "SUCCESS: signal SIGUSR1 thrown\r\n");
  EXPECT_EQ(thrown, Signal::usr1);
}

TEST_F(InterfaceTest, DoesWhatIsToBeDoneWhenTheLastClientLeaves) {
  options.restart_on_leave = options.forget_on_leave = true;
  greeted();
  greeted();
  shared->set_target(&server);
  int signals = 0;
  shared->set_signal_handler([&](Signal) { ++signals; });
  sessions.pop_back();
  EXPECT_EQ(signals, 0);
  sessions.pop_back();
  EXPECT_EQ(signals, 1);
  EXPECT_THAT(server.calls, testing::ElementsAre("forget"));
}

TEST_F(InterfaceTest, KeepsTheLastLinesOfTheLog) {
  options.log_cache = 2;
  Session& session = greeted();
  for (const char* line : {"one", "two", "three"}) shared->log('I', line);
  EXPECT_EQ(say(session, "log all"), "1700000000,I,two\r\n1700000000,I,three\r\nEND\r\n");
}

TEST_F(InterfaceTest, TellsWhyTheDaemonEnds) {
  Session& session = greeted();
  shared->fatal("the device is gone");
  EXPECT_EQ(session.take_output(), ">FATAL:the device is gone\r\n");
}

}  // namespace
}  // namespace vpnd::management
