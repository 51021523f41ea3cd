#include "vpnd/management/session.hpp"

#include <gmock/gmock.h>

#include "tests/vpnd/management/interface_fixture.hpp"

namespace vpnd::management {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class SessionTest : public test::InterfaceFixture {};

TEST_F(SessionTest, Greets) {
  EXPECT_EQ(connect().take_output(),
            ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r\n");
}

TEST_F(SessionTest, TakesLinesInAnyPieces) {
  Session& session = greeted();
  for (const char c : std::string("hold\nho")) session.receive({&c, 1});
  EXPECT_EQ(session.take_output(), "SUCCESS: hold=0\r\n");
  session.receive("ld\r\n\r\n  \nhold\n");
  EXPECT_EQ(session.take_output(), "SUCCESS: hold=0\r\nSUCCESS: hold=0\r\n");
}

TEST_F(SessionTest, AnswersALineThatIsTooLongAndGoesOn) {
  Session& session = greeted();
  session.receive(std::string(100'000, 'x'));
  EXPECT_EQ(session.take_output(), "");
  EXPECT_EQ(say(session, "x"), "ERROR: the command is too long\r\n");
  EXPECT_EQ(say(session, "hold"), "SUCCESS: hold=0\r\n");
}

TEST_F(SessionTest, SaysWhatIsWrongWithACommand) {
  Session& session = greeted();
  const std::pair<const char*, const char*> cases[] = {
      {"foo", "ERROR: unknown command, enter 'help' for more options"},
      {"kill", "ERROR: the 'kill' command requires 1 parameter"},
      {"log", "ERROR: the 'log' command requires at least 1 parameter"},
      {"client-deny 1", "ERROR: the 'client-deny' command requires at least 3 parameters"},
      {"username \"Auth", "ERROR: a double quote is not closed"},
      {"status", "ERROR: The 'status' command is not supported by the current daemon mode"},
      {"client-auth-nt 0 0", "ERROR: The 'client-auth' command is not supported by the current daemon mode"},
      {"kill x", "ERROR: The 'kill' command is not supported by the current daemon mode"},
      {"remote ACCEPT", "ERROR: The 'remote' command is not supported by the current daemon mode"},
      {"pk-sig", "ERROR: The pk-sig command is not currently available"},
      {"signal SIGTERM", "ERROR: signal 'SIGTERM' is currently ignored"},
      {"signal SIGFOO", "ERROR: signal 'SIGFOO' is not a known signal type"},
      {"verb 20", "ERROR: verb level is out of range"},
      {"mute -1", "ERROR: mute level is out of range"},
      {"hold x", "ERROR: bad hold command parameter"},
      {"state 0", "ERROR: state parameter must be 'on' or 'off' or some number n or 'all'"},
      {"password Auth x", "ERROR: no password is currently needed at this time"},
      {"client-auth x 0", "ERROR: cannot parse CID"},
      {"client-auth 0 x", "ERROR: cannot parse KID"},
      {"client-pending-auth 0 0 x y", "ERROR: cannot parse TIMEOUT"}};
  for (const auto& [command, expected] : cases)
    EXPECT_EQ(say(session, command), std::string(expected) + "\r\n") << command;
}

TEST_F(SessionTest, AsksForASignatureInTheFormThatTheClientKnows) {
  Session& first = greeted();
  Session& second = greeted();
  Session& third = greeted();
  EXPECT_EQ(say(second, "version 2"), "");
  EXPECT_EQ(say(third, "version 3"), "");
  std::string signature;
  shared->ask_signature("ZGF0YQ==", "RSA_NO_PADDING", [&](const std::string& given) { signature = given; });
  EXPECT_EQ(first.take_output(), ">RSA_SIGN:ZGF0YQ==\r\n");
  EXPECT_EQ(second.take_output(), ">PK_SIGN:ZGF0YQ==\r\n");
  EXPECT_EQ(third.take_output(), ">PK_SIGN:ZGF0YQ==,RSA_NO_PADDING\r\n");
  EXPECT_THAT(connect().take_output(), testing::EndsWith(">RSA_SIGN:ZGF0YQ==\r\n")) << "who comes later";

  EXPECT_EQ(say(third, "pk-sig\r\nc2ln\r\nbmF0dXJl"), "");
  EXPECT_EQ(say(third, "END"), "SUCCESS: pk-sign command succeeded\r\n");
  EXPECT_EQ(signature, "c2lnbmF0dXJl") << "its lines joined";
  EXPECT_EQ(say(third, "pk-sig"), "ERROR: The pk-sig command is not currently available\r\n");
}

TEST_F(SessionTest, HearsTheFirstSignatureOfTwo) {
  Session& one = greeted();
  Session& other = greeted();
  int answers = 0;
  shared->ask_signature("eA==", "ECDSA", [&](const std::string&) { ++answers; });
  (void)say(one, "pk-sig\r\neA==");
  (void)say(other, "rsa-sig\r\neQ==");
  EXPECT_THAT(say(one, "END"), HasSubstr("SUCCESS: pk-sign command succeeded"));
  EXPECT_EQ(say(other, "END").substr(0, 6), "ERROR:");
  EXPECT_EQ(answers, 1);
}

TEST_F(SessionTest, AsksForACertificate) {
  Session& session = greeted();
  EXPECT_EQ(say(session, "certificate"), "ERROR: The certificate command is not currently available\r\n");
  std::string pem;
  shared->ask_certificate("subject:x", [&](const std::string& given) { pem = given; });
  EXPECT_EQ(session.take_output(), ">NEED-CERTIFICATE:subject:x\r\n");
  EXPECT_EQ(say(session, "certificate\r\n-----BEGIN\r\nabc\r\n-----END"), "");
  EXPECT_EQ(say(session, "END"), "SUCCESS: certificate command succeeded\r\n");
  EXPECT_EQ(pem, "-----BEGIN\nabc\n-----END\n");
}

TEST_F(SessionTest, AsksForThePasswordAndClosesAfterThreeWrongOnes) {
  options.password_file = config::Material{"pw", config::SensitiveText("secret"), {}};
  Session& right = connect();
  EXPECT_EQ(right.take_output(), "ENTER PASSWORD:");
  shared->set_target(&server);
  shared->notify(">INFO:not for strangers");
  shared->log('I', "not for strangers");
  EXPECT_EQ(say(right, "load-stats"), "ERROR: bad password\r\nENTER PASSWORD:");
  EXPECT_THAT(say(right, "secret"), StartsWith("SUCCESS: password is correct\r\n>INFO:"));
  EXPECT_EQ(say(right, "load-stats"), "SUCCESS: nclients=2,bytesin=300,bytesout=400\r\n");

  Session& wrong = connect();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(wrong.ended());
    (void)say(wrong, "secre");
  }
  EXPECT_TRUE(wrong.ended());
}

TEST_F(SessionTest, EndsWithExitAndQuit) {
  for (const char* word : {"exit", "quit"}) {
    Session& session = greeted();
    EXPECT_EQ(say(session, word), "");
    EXPECT_TRUE(session.ended());
    EXPECT_EQ(say(session, "hold"), "");
  }
}

TEST_F(SessionTest, IsDroppedWhenItDoesNotRead) {
  Session& session = greeted();
  session.receive("test 1000000\n");
  EXPECT_TRUE(session.ended());
  EXPECT_TRUE(session.overflowed());
  EXPECT_EQ(session.take_output(), "");
}

TEST_F(SessionTest, ShowsHistoriesAndWhatHappens) {
  options.echoes = {"forget-passwords"};
  Session& session = greeted();
  shared->report(State::connecting);
  now += 5;
  shared->report(State::assign_ip, {.text = "",
                                    .local_ipv4 = "10.8.0.2",
                                    .local_ipv6 = "fd00::2",
                                    .remote_address = "",
                                    .remote_port = "",
                                    .local_address = "",
                                    .local_port = ""});
  EXPECT_EQ(say(session, "state"), "1700000005,ASSIGN_IP,,10.8.0.2,,,,,fd00::2\r\nEND\r\n");
  EXPECT_EQ(say(session, "state on all"),
            "SUCCESS: real-time state notification set to ON\r\n"
            "1700000000,CONNECTING,,,,,,\r\n1700000005,ASSIGN_IP,,10.8.0.2,,,,,fd00::2\r\nEND\r\n");
  shared->report(State::connected, {.text = "SUCCESS",
                                    .local_ipv4 = "10.8.0.2",
                                    .local_ipv6 = "",
                                    .remote_address = "192.0.2.1",
                                    .remote_port = "1194",
                                    .local_address = "198.51.100.7",
                                    .local_port = "40000"});
  EXPECT_EQ(session.take_output(),
            ">STATE:1700000005,CONNECTED,SUCCESS,10.8.0.2,192.0.2.1,1194,198.51.100.7,40000\r\n");
  EXPECT_EQ(say(session, "echo all"), "1700000000,forget-passwords\r\nEND\r\n");
  shared->echo("hello");
  EXPECT_EQ(session.take_output(), "");
  EXPECT_EQ(say(session, "echo on"), "SUCCESS: real-time echo notification set to ON\r\n");
  shared->echo("world");
  EXPECT_EQ(session.take_output(), ">ECHO:1700000005,world\r\n");
  shared->log('W', "two\nlines");
  EXPECT_EQ(say(session, "log 2"), "1700000005,W,two\r\n1700000005,W,lines\r\nEND\r\n");
  EXPECT_EQ(say(session, "log on"), "SUCCESS: real-time log notification set to ON\r\n");
  shared->log('I', "third");
  EXPECT_EQ(session.take_output(), ">LOG:1700000005,I,third\r\n");
}

TEST_F(SessionTest, LetsNoTextOfOthersBeginALine) {
  Session& session = greeted();
  shared->echo("a\r\n>FATAL:forged");
  EXPECT_EQ(say(session, "echo all"), "1700000000,a__>FATAL:forged\r\nEND\r\n");
}

TEST_F(SessionTest, TellsByteCountsAsOftenAsWanted) {
  Session& session = greeted();
  shared->set_target(&server);
  EXPECT_EQ(say(session, "bytecount 2"), "SUCCESS: bytecount interval changed\r\n");
  shared->tick();
  EXPECT_EQ(session.take_output(), ">BYTECOUNT_CLI:7,10,20\r\n>BYTECOUNT_CLI:9,30,40\r\n");
  now += 1;
  shared->tick();
  EXPECT_EQ(session.take_output(), "");
  now += 1;
  shared->set_target(&client);
  shared->tick();
  EXPECT_EQ(session.take_output(), ">BYTECOUNT:5,6\r\n");
}

TEST_F(SessionTest, CommandsAServer) {
  Session& session = greeted();
  shared->set_target(&server);
  EXPECT_EQ(say(session, "status"), "status 0\r\nEND\r\n");
  EXPECT_EQ(say(session, "status 3"), "status 3\r\nEND\r\n");
  EXPECT_EQ(say(session, "status 9"), "ERROR: bad status format version number\r\n");
  EXPECT_EQ(say(session, "nclients"), "SUCCESS: nclients=2\r\n");
  EXPECT_EQ(say(session, "kill alice"), "SUCCESS: common name 'alice' found, 2 client(s) killed\r\n");
  EXPECT_EQ(say(session, "kill bob"), "ERROR: common name 'bob' not found\r\n");
  EXPECT_EQ(say(session, "kill 192.0.2.1:4000"), "SUCCESS: 1 client(s) at address 192.0.2.1:4000 killed\r\n");
  EXPECT_EQ(say(session, "kill [2001:db8::1]:4000"),
            "SUCCESS: 1 client(s) at address 2001:db8::1:4000 killed\r\n");
  EXPECT_EQ(say(session, "kill 192.0.2.9:4000"), "ERROR: client at address 192.0.2.9:4000 not found\r\n");
  EXPECT_EQ(say(session, "kill 1.2.3.4:99999"), "ERROR: port number is out of range: 99999\r\n");
  EXPECT_EQ(say(session, "kill foo:3"), "ERROR: error parsing IP address: foo\r\n");
  EXPECT_EQ(say(session, "client-kill 7"), "SUCCESS: client-kill command succeeded\r\n");
  EXPECT_EQ(say(session, "client-kill 8 HALT"), "ERROR: client-kill command failed\r\n");
  EXPECT_EQ(say(session, "remote ACCEPT"),
            "ERROR: The 'remote' command is not supported by the current daemon mode\r\n");
  EXPECT_THAT(server.calls,
              ElementsAre("192.0.2.1 4000", "2001:db8::1 4000", "192.0.2.9 4000", "7 RESTART", "8 HALT"));
}

TEST_F(SessionTest, DecidesAboutClients) {
  Session& session = greeted();
  shared->set_target(&server);
  EXPECT_EQ(say(session, "client-auth 7 1"), "");
  EXPECT_EQ(say(session, "push \"route 10.0.0.0 255.0.0.0\""), "") << "a line of the block is no command";
  EXPECT_EQ(say(session, "END"), "SUCCESS: client-auth command succeeded\r\n");
  EXPECT_EQ(say(session, "client-auth-nt 8 1"), "ERROR: client-auth command failed\r\n");
  EXPECT_EQ(say(session, "client-deny 7 2 \"no way\" \"try later\""),
            "SUCCESS: client-deny command succeeded\r\n");
  EXPECT_EQ(say(session, "client-pending-auth 7 3 WEB_AUTH::https://example.org 60"),
            "SUCCESS: client-pending-auth command succeeded\r\n");
  EXPECT_EQ(say(session, "client-pending-auth 7 3 " + std::string(200, 'x') + " 60"),
            "ERROR: client-pending-auth command failed. Extra parameter might be too long\r\n");
  EXPECT_THAT(server.calls[0], "admit 7 1 push \"route 10.0.0.0 255.0.0.0\"\n");
  EXPECT_THAT(server.calls[1], "admit 8 1 ");
  EXPECT_THAT(server.calls[2], "deny 7 no way|try later");
  EXPECT_THAT(server.calls[3], "put off WEB_AUTH::https://example.org 60");
}

TEST_F(SessionTest, PushesUpdates) {
  Session& session = greeted();
  shared->set_target(&server);
  EXPECT_EQ(say(session, "push-update-broad \"route 10.1.0.0 255.255.0.0, -dns\""),
            "SUCCESS: push-update-broad command succeeded\r\n");
  EXPECT_EQ(say(session, "push-update-cid 8 \"-dns\""), "ERROR: push-update-cid command failed\r\n");
  EXPECT_THAT(server.calls, ElementsAre("update all|route 10.1.0.0 255.255.0.0|-dns", "update 8|-dns"));
}

TEST_F(SessionTest, CommandsAClient) {
  Session& session = greeted();
  shared->set_target(&client);
  EXPECT_EQ(say(session, "remote-entry-count"), "2\r\nEND\r\n");
  EXPECT_EQ(say(session, "remote-entry-get 1"), "1,192.0.2.1,443,tcp-client,enabled\r\nEND\r\n");
  EXPECT_EQ(say(session, "remote-entry-get all"),
            "0,vpn.example.org,1194,udp,enabled\r\n1,192.0.2.1,443,tcp-client,enabled\r\nEND\r\n");
  EXPECT_EQ(say(session, "remote-entry-get -1 99999999999"), "END\r\n");
  EXPECT_EQ(say(session, "auth-retry"), "SUCCESS: auth-retry=none\r\n");
  EXPECT_EQ(say(session, "auth-retry interact"), "SUCCESS: auth-retry parameter changed\r\n");
  EXPECT_EQ(say(session, "auth-retry"), "SUCCESS: auth-retry=interact\r\n");
  EXPECT_THAT(say(session, "auth-retry x"), HasSubstr("ERROR: bad auth-retry parameter"));
  EXPECT_EQ(say(session, "cr-response Zm9v"), "SUCCESS: command succeeded\r\n");
  EXPECT_EQ(say(session, "kill x"),
            "ERROR: The 'kill' command is not supported by the current daemon mode\r\n");
}

TEST_F(SessionTest, TurnsTheKnobsOfTheLog) {
  Session& session = greeted();
  EXPECT_EQ(say(session, "verb"), "SUCCESS: verb=3\r\n");
  EXPECT_EQ(say(session, "verb 6"), "SUCCESS: verb level changed\r\n");
  EXPECT_EQ(say(session, "mute 10"), "SUCCESS: mute level changed\r\n");
  EXPECT_EQ(log.verbosity(), 6U);
  EXPECT_EQ(log.mute(), 10U);
}

TEST_F(SessionTest, FiltersEnvironments) {
  Session& session = greeted();
  const std::vector<std::string> environment{"IV_VER=2.6", "username=alice", "X509_0_O=Org"};
  const auto told = [&] {
    shared->notify(">CLIENT:ESTABLISHED,0", "CLIENT", environment);
    return session.take_output();
  };
  EXPECT_EQ(told(),
            ">CLIENT:ESTABLISHED,0\r\n>CLIENT:ENV,IV_VER=2.6\r\n>CLIENT:ENV,username=alice\r\n"
            ">CLIENT:ENV,X509_0_O=Org\r\n>CLIENT:ENV,END\r\n");
  EXPECT_EQ(say(session, "env-filter 1"), "SUCCESS: env_filter_level=1\r\n");
  EXPECT_EQ(told(),
            ">CLIENT:ESTABLISHED,0\r\n>CLIENT:ENV,username=alice\r\n>CLIENT:ENV,X509_0_O=Org\r\n>CLIENT:ENV,"
            "END\r\n");
  (void)say(session, "env-filter 3");
  EXPECT_EQ(told(), ">CLIENT:ESTABLISHED,0\r\n>CLIENT:ENV,END\r\n");
}

}  // namespace
}  // namespace vpnd::management
