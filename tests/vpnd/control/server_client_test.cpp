#include "vpnd/control/server_client.hpp"

#include <gmock/gmock.h>

#include "tests/tunio/packet_builder.hpp"
#include "tests/vpnd/control/server_in_memory.hpp"

namespace vpnd::control {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr proto::KeyId kFirst{0};
constexpr proto::KeyId kSecond{1};
constexpr auto kFourLanes = "IV_VER=2.6.0\nIV_PROTO=990\nIV_CIPHERS=AES-256-GCM\nIV_VPND=1:4\n";

class ServerClientTest : public test::ServerInMemory {
 protected:
  std::string password_script(const std::string& body) {
    return "script-security 2\nauth-user-pass-verify " + script("verify", body) + " via-file\n";
  }
  // A file of client-config-dir, and the directive.
  std::string client_file(std::string_view name, std::string_view text) {
    std::filesystem::create_directory(path("ccd"));
    write("ccd/" + std::string(name), text);
    return "client-config-dir " + path("ccd").string() + "\n";
  }
  bool refused_with(std::string_view message) {
    return talk_until([&] { return left.has_value(); }) && heard(message) && !connected();
  }
  std::string push_reply() const {
    for (const std::string& message : messages)
      if (message.starts_with("PUSH_REPLY")) return message;
    return "";
  }
};

TEST_F(ServerClientTest, IsLetInAndPushedItsAddress) {
  start_server();
  ASSERT_TRUE(connect());
  EXPECT_EQ(alice().common_name(), "alice");
  EXPECT_EQ(alice().label(), "alice/198.51.100.1:4001");
  EXPECT_EQ(alice().cipher(), "AES-256-GCM");
  EXPECT_THAT(push_reply(), HasSubstr(",ifconfig 10.8.0.2 255.255.255.0,peer-id 0,"));
  EXPECT_EQ(log(), "");
}

TEST_F(ServerClientTest, GetsThePacketsForItsAddressFromTheWorker) {
  start_server();
  ASSERT_TRUE(connect());
  const auto packet = tunio::test::Udp{}.packet();  // to 10.8.0.2
  stage.turn([&](tunio::MemoryIo& memory) { memory.tun_gives(packet); });
  const auto sent = stage.when_idle([](tunio::MemoryIo& memory) { return memory.take_sent(); });
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].to, kLink.endpoint);
  EXPECT_EQ(alice().traffic().records_sent, 1U);

  alice().withdraw();
  stage.turn([&](tunio::MemoryIo& memory) { memory.tun_gives(packet); });
  EXPECT_TRUE(stage.when_idle([](tunio::MemoryIo& memory) { return memory.take_sent(); }).empty());
}

TEST_F(ServerClientTest, IsAnsweredOnceWhenItAsksAndIsToldUnasked) {
  start_server();
  ASSERT_TRUE(connect());
  client_sends("PUSH_REQUEST");
  client_sends("EXIT");  // comes behind it
  ASSERT_TRUE(talk_until([this] { return left.has_value(); }));
  EXPECT_EQ(messages.size(), 1U);
}

TEST_F(ServerClientTest, IsAnsweredWhenItAsksThoughItIsOld) {
  start_server();
  start_client({.peer_info = "IV_VER=2.4.0\nIV_PROTO=2\nIV_NCP=2\n"});
  ASSERT_TRUE(talk_until([this] { return connected() && !client_keys.empty(); }));
  EXPECT_FALSE(heard("PUSH_REPLY"));
  client_sends("PUSH_REQUEST");
  ASSERT_TRUE(talk_until([this] { return heard("PUSH_REPLY"); }));
}

TEST_F(ServerClientTest, LeavesWithItsExit) {
  start_server();
  ASSERT_TRUE(connect());
  client_sends("EXIT");
  ASSERT_TRUE(talk_until([this] { return left.has_value(); }));
  EXPECT_EQ(*left, "the client has left");
  EXPECT_EQ(addresses->route_table()->find(tunio::IpAddress::parse("10.8.0.2").value()), std::nullopt);
}

// ---- lanes ----

TEST_F(ServerClientTest, GetsAPeerIdForEachLaneThatBothSidesHave) {
  start_server("workers 2\n");
  ASSERT_TRUE(connect({.peer_info = kFourLanes}));
  EXPECT_EQ(alice().lanes(), 2U);
  EXPECT_THAT(push_reply(), HasSubstr("vpnd-batch 1 2"));
  EXPECT_THAT(push_reply(), HasSubstr("peer-id " + std::to_string(alice().index().value) + ","));
  EXPECT_EQ(clients->at(alice().index()).get(), &alice());
  EXPECT_EQ(clients->at({alice().index().value + 1}), nullptr) << "a lane is no client";
}

TEST_F(ServerClientTest, GetsLanesFromTheLastPeerIdsInARow) {
  start_server("workers 2\nmax-clients 2\n");
  EXPECT_EQ(clients->reserve(), dataplane::PeerIndex{0});
  EXPECT_EQ(clients->reserve(), dataplane::PeerIndex{1});
  ASSERT_TRUE(connect({.peer_info = kFourLanes}));
  EXPECT_EQ(alice().lanes(), 2U);
  EXPECT_EQ(alice().index(), dataplane::PeerIndex{2}) << "which it had before it was known, and 3";
}

TEST_F(ServerClientTest, GetsNoMoreLanesThanThereArePeerIdsInARow) {
  start_server("workers 2\nmax-clients 2\n");
  for (std::uint32_t taken = 0; taken < 3; ++taken)
    EXPECT_EQ(clients->reserve(), dataplane::PeerIndex{taken});
  ASSERT_TRUE(connect({.peer_info = kFourLanes}));
  EXPECT_EQ(alice().lanes(), 1U);
  EXPECT_THAT(push_reply(), HasSubstr("vpnd-batch 1 1"));
}

TEST_F(ServerClientTest, GetsOneLaneOfAServerWithOneWorker) {
  start_server();
  ASSERT_TRUE(connect({.peer_info = kFourLanes}));
  EXPECT_THAT(push_reply(), HasSubstr("vpnd-batch 1 1"));
}

TEST_F(ServerClientTest, OfStockHasOneLane) {
  start_server("workers 2\n");
  ASSERT_TRUE(connect());
  EXPECT_EQ(alice().lanes(), 1U);
  EXPECT_THAT(push_reply(), Not(HasSubstr("vpnd")));
}

// A stock client goes on sending with the peer id of its former session.
TEST_F(ServerClientTest, TakesOverThePeerIdOfItsFormerSelf) {
  start_server("workers 2\nmax-clients 2\n");
  former = dataplane::PeerIndex{2};
  ASSERT_TRUE(connect());
  EXPECT_EQ(alice().index(), dataplane::PeerIndex{2});
  for (const std::uint32_t next : {1U, 3U, 0U}) {
    EXPECT_EQ(clients->reserve(), dataplane::PeerIndex{next}) << "0 is free again, and 2 is hers";
  }
}

TEST_F(ServerClientTest, IsToldToConnectAnew) {
  start_server();
  ASSERT_TRUE(connect());
  alice().send_restart("[N]");
  EXPECT_TRUE(talk_until([this] { return heard("RESTART,[N]"); }));
}

// ---- who is kept out ----

TEST_F(ServerClientTest, IsToldThatItsPasswordIsWrong) {
  start_server(password_script("[ \"$(tail -n 1 \"$1\")\" = secret ]\n"));
  start_client({.username = "me", .password = "guess"});
  EXPECT_TRUE(refused_with("AUTH_FAILED"));
  EXPECT_THAT(log(), HasSubstr("user name or password is wrong (user \"me\")"));
  // Asio may report the first script's end to the second one's descriptor, which must not count as its end.
  EXPECT_TRUE(connect({.username = "me", .password = "secret"}));
  EXPECT_EQ(alice().username(), "me");
}

TEST_F(ServerClientTest, IsToldWhyThePasswordIsNotTaken) {
  start_server(password_script("echo 'account locked' > \"$auth_failed_reason_file\"; exit 1\n"));
  start_client({.username = "me", .password = "secret"});
  EXPECT_TRUE(refused_with("AUTH_FAILED,account locked"));
}

TEST_F(ServerClientTest, NeedsNoPasswordWhereThatIsOptional) {
  start_server(password_script("exit 1\n") + "auth-user-pass-optional\n");
  EXPECT_TRUE(connect());
}

TEST_F(ServerClientTest, IsKnownByItsUserNameWhereThatIsWanted) {
  start_server(password_script("exit 0\n") + "username-as-common-name\n");
  ASSERT_TRUE(connect({.username = "me", .password = "secret"}));
  EXPECT_EQ(alice().common_name(), "me");
}

TEST_F(ServerClientTest, IsKeptOutByItsFile) {
  start_server(client_file("alice", "disable\n"));
  start_client();
  EXPECT_TRUE(refused_with("AUTH_FAILED,client is disabled"));
}

TEST_F(ServerClientTest, IsKeptOutWithoutAFileWhereOneIsNeeded) {
  start_server(client_file("bob", "") + "ccd-exclusive\n");
  start_client();
  EXPECT_TRUE(refused_with("AUTH_FAILED,client is not configured"));
  EXPECT_TRUE(connect({.common_name = "bob"}));
}

TEST_F(ServerClientTest, GetsWhatItsFileSays) {
  start_server(client_file("alice",
                           "ifconfig-push 10.8.0.77 255.255.255.0\niroute 192.168.40.0 255.255.255.0\n"
                           "push \"dhcp-option DNS 10.8.0.1\"\nfrobnicate\n"));
  ASSERT_TRUE(connect());
  EXPECT_THAT(push_reply(), HasSubstr(",ifconfig 10.8.0.77 255.255.255.0,"));
  EXPECT_THAT(push_reply(), HasSubstr(",dhcp-option DNS 10.8.0.1"));
  EXPECT_EQ(addresses->route_table()->find(tunio::IpAddress::parse("192.168.40.9").value()), alice().index());
  EXPECT_THAT(log(), HasSubstr("frobnicate"));
}

TEST_F(ServerClientTest, IsKeptOutWithoutACommonCipher) {
  start_server("data-ciphers CHACHA20-POLY1305\n");
  start_client({.options = "V4,dev-type tun,tun-mtu 1500,cipher AES-256-GCM,tls-client"});
  EXPECT_TRUE(refused_with("AUTH_FAILED,Data channel cipher negotiation failed (no shared cipher)"));
}

TEST_F(ServerClientTest, IsKeptOutWhenThereIsNoAddressLeft) {
  start_server();
  for (std::uint32_t i = 0; i < 253; ++i)
    (void)addresses->assign("client" + std::to_string(i), {}, routing::PeerIndex{i + 1});
  start_client();
  EXPECT_TRUE(refused_with("AUTH_FAILED,no address available"));
  EXPECT_THAT(log(), HasSubstr("no free address in the pool"));
}

// ---- answers that take their time ----

TEST_F(ServerClientTest, IsToldToWaitForAnAnswerThatWasPutOff) {
  const auto go = path("go").string();
  start_server(
      password_script("(while [ ! -e " + go +
                      " ]; do sleep 0.01; done; printf 1 > \"$auth_control_file\") >/dev/null 2>&1 &\n"
                      "exit 2\n"));
  start_client({.username = "me", .password = "secret"});
  ASSERT_TRUE(talk_until([this] { return heard("AUTH_PENDING"); }));
  EXPECT_EQ(messages, std::vector<std::string>{"AUTH_PENDING,timeout 1800"});  // half of reneg-sec
  EXPECT_FALSE(connected());
  write("go", "");
  EXPECT_TRUE(talk_until([this] { return connected() && heard("PUSH_REPLY"); }));
}

// CVE-2020-15078: a client that asked while its password was still being looked at was told everything.
TEST_F(ServerClientTest, IsToldNothingBeforeTheAnswerHoweverOftenItAsks) {
  const auto go = path("go").string();
  start_server(
      password_script("(while [ ! -e " + go +
                      " ]; do sleep 0.01; done; printf 0 > \"$auth_control_file\") >/dev/null 2>&1 &\n"
                      "exit 2\n"));
  start_client({.username = "me", .password = "secret"});
  ASSERT_TRUE(talk_until([this] { return heard("AUTH_PENDING"); }));
  for (int i = 0; i < 10; ++i) client_sends("PUSH_REQUEST");
  write("go", "");
  ASSERT_TRUE(talk_until([this] { return heard("AUTH_FAILED"); }));
  EXPECT_FALSE(heard("PUSH_REPLY"));
  EXPECT_FALSE(connected());
}

// ---- changes while connected ----

TEST_F(ServerClientTest, IsToldOfChangesAndFollowedToItsNewAddress) {
  start_server();
  ASSERT_TRUE(connect({.peer_info = "IV_PROTO=5086\nIV_CIPHERS=AES-256-GCM\n"}));  // 990 and bit 12
  EXPECT_EQ(alice().push_update({"-route", "ifconfig 10.8.0.77 255.255.255.0"}), "");
  ASSERT_TRUE(talk_until([this] { return heard("PUSH_UPDATE,-route,ifconfig 10.8.0.77 255.255.255.0"); }));
  EXPECT_EQ(alice().addresses()->ipv4, tunio::IpAddress::parse("10.8.0.77"));
}

TEST_F(ServerClientTest, IsNotToldOfChangesItWouldNotUnderstand) {
  start_server();
  ASSERT_TRUE(connect());
  EXPECT_THAT(alice().push_update({"-route"}), HasSubstr("does not know push updates"));
}

TEST_F(ServerClientTest, GetsPacketsInEpochsIfItCan) {
  start_server();
  ASSERT_TRUE(connect({.peer_info = "IV_PROTO=2014\nIV_CIPHERS=AES-256-GCM\n"}));  // 990 and bit 10
  EXPECT_THAT(push_reply(), HasSubstr(" aead-epoch"));
}

TEST_F(ServerClientTest, GetsNoPacketsInEpochsWhereTheyAreOff) {
  start_server("data-epoch off\n");
  ASSERT_TRUE(connect({.peer_info = "IV_PROTO=2014\nIV_CIPHERS=AES-256-GCM\n"}));
  EXPECT_THAT(push_reply(), Not(HasSubstr("aead-epoch")));
}

TEST_F(ServerClientTest, IsNotToldToWaitWhenItWouldNotUnderstand) {
  const auto go = path("go").string();
  start_server(
      password_script("(while [ ! -e " + go +
                      " ]; do sleep 0.01; done; printf 1 > \"$auth_control_file\") >/dev/null 2>&1 &\n"
                      "exit 2\n"));
  start_client({.username = "me", .password = "secret", .peer_info = "IV_VER=2.4.0\nIV_PROTO=6\nIV_NCP=2\n"});
  ASSERT_TRUE(talk_until([this] { return !client_keys.empty(); }));
  write("go", "");
  EXPECT_TRUE(talk_until([this] { return connected() && heard("PUSH_REPLY"); }));
  EXPECT_FALSE(heard("AUTH_PENDING"));
}

TEST_F(ServerClientTest, IsShownWhatTheScriptAsksForIfItCanDoIt) {
  start_server(
      password_script("printf '90\\nwebauth\\nWEB_AUTH::https://a.example/1' > \"$auth_pending_file\"\n"
                      "exit 2\n"));
  start_client(
      {.username = "me", .password = "secret", .peer_info = "IV_PROTO=990\nIV_SSO=openurl,webauth\n"});
  ASSERT_TRUE(talk_until([this] { return heard("INFO_PRE"); }));
  EXPECT_TRUE(heard("AUTH_PENDING,timeout 90"));
  EXPECT_TRUE(heard("INFO_PRE,WEB_AUTH::https://a.example/1"));

  start_client({.username = "me", .password = "secret", .peer_info = "IV_PROTO=990\n"});
  EXPECT_TRUE(refused_with("AUTH_FAILED"));
  EXPECT_THAT(log(), HasSubstr("does not announce the authentication method \"webauth\""));
}

// ---- what the options strings tell ----

TEST_F(ServerClientTest, IsWarnedAboutWhenItExpectsAnotherTunnel) {
  start_server();
  ASSERT_TRUE(connect({.peer_info = "IV_PROTO=990\nIV_CIPHERS=AES-256-GCM\n",
                       .options = "V4,dev-type tap,tun-mtu 1400,cipher AES-256-GCM,tls-client"}));
  EXPECT_THAT(log(), HasSubstr("alice/198.51.100.1:4001: 'dev-type' is used inconsistently, "
                               "local='dev-type tun', remote='dev-type tap'"));
  EXPECT_THAT(log(), HasSubstr("'tun-mtu' is used inconsistently"));
}

TEST_F(ServerClientTest, IsNotWarnedAboutForWhatIsPushed) {
  start_server();
  ASSERT_TRUE(connect({.peer_info = "IV_PROTO=990\nIV_CIPHERS=AES-256-GCM\nIV_MTU=1600\nIV_COMP_STUBv2=1\n",
                       .options = "V4,dev-type tun,tun-mtu 1400,comp-lzo,cipher AES-256-GCM,tls-client"}));
  EXPECT_THAT(push_reply(), HasSubstr("tun-mtu 1500"));
  EXPECT_THAT(push_reply(), HasSubstr("compress stub-v2"));
  EXPECT_EQ(log(), "");
}

// ---- rekeys ----

TEST_F(ServerClientTest, GetsANewKeyWhenEnoughWentThroughTheOldOne) {
  start_server("reneg-bytes 1000\n");
  ASSERT_TRUE(connect());
  alice().tick(proto::Clock::now());
  const auto packet = tunio::test::Udp{.payload = tunio::test::pattern(1000)}.packet();
  stage.turn([&](tunio::MemoryIo& memory) { memory.tun_gives(packet); });
  alice().tick(proto::Clock::now());
  EXPECT_TRUE(talk_until([this] { return client_keys.size() == 2 && client_keys[1] == kSecond; }));
  EXPECT_TRUE(talk_until([this] { return alice().driver().session().established_key() == kSecond; }));
  alice().tick(proto::Clock::now());  // counts anew
  EXPECT_EQ(alice().driver().session().newest_key(), kSecond);
}

TEST_F(ServerClientTest, SendsWithTheNewKeyOnceThePeerDoes) {
  start_server();
  ASSERT_TRUE(connect());
  alice().driver().start_rekey();
  ASSERT_TRUE(talk_until([this] { return alice().driver().session().established_key() == kSecond; }));
  const auto key_sent_with = [this] {
    stage.turn([](tunio::MemoryIo& memory) { memory.tun_gives(tunio::test::Udp{}.packet()); });
    const auto sent = stage.when_idle([](tunio::MemoryIo& memory) { return memory.take_sent(); });
    return sent.empty()
               ? proto::KeyId{7}
               : proto::KeyId{static_cast<std::uint8_t>(std::to_integer<int>(sent.back().bytes[0]) & 7)};
  };
  EXPECT_EQ(key_sent_with(), kFirst);
  alice().driver().note_peer_used_key(kSecond);
  EXPECT_EQ(key_sent_with(), kSecond);
}

TEST_F(ServerClientTest, MovesToAnotherAddress) {
  start_server();
  ASSERT_TRUE(connect());
  const auto elsewhere = tunio::Endpoint::from_text("203.0.113.9", 999).value();
  alice().move_to(elsewhere);
  stage.turn([](tunio::MemoryIo& memory) { memory.tun_gives(tunio::test::Udp{}.packet()); });
  const auto sent = stage.when_idle([](tunio::MemoryIo& memory) { return memory.take_sent(); });
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].to, elsewhere);
  EXPECT_EQ(alice().label(), "alice/203.0.113.9:999");
}

}  // namespace
}  // namespace vpnd::control
