// Rekeys: who starts them, which keys live, and what happens when they fail.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/session_tunnel.hpp"

namespace vpnd::test {
namespace {

using namespace proto;
using std::chrono::milliseconds;
using std::chrono::seconds;

crypto::SecretString password(std::string_view text) {
  return crypto::SecretString(text);
}

class SessionRekey : public testing::Test {
 protected:
  void connect() {
    tunnel.emplace(options);
    ASSERT_TRUE(tunnel->connect());
  }
  bool start(TunnelEnd& end) { return end.session->start_rekey(tunnel->now()); }
  TunnelEnd& client() { return tunnel->client; }
  TunnelEnd& server() { return tunnel->server; }

  TunnelOptions options;
  std::optional<Tunnel> tunnel;
};

TEST_F(SessionRekey, GivesBothSidesANewKey) {
  for (const bool by_client : {true, false}) {
    connect();
    const auto first = client().keys.at(0).duplicate();
    ASSERT_TRUE(start(by_client ? client() : server()));
    ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1})) << by_client;
    EXPECT_FALSE(std::ranges::equal(first.expose(), client().keys.at(1).expose()));
    EXPECT_EQ(server().requests.size(), 2U);
    EXPECT_EQ(server().requests[1].origin, KeyOrigin::rekey);
    EXPECT_EQ(server().established[1].origin, KeyOrigin::rekey);
  }
}

TEST_F(SessionRekey, AgreesWhenBothSidesStartAtOnce) {
  connect();
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(start(server()));
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
  EXPECT_EQ(client().established.size(), 2U);
  EXPECT_EQ(server().established.size(), 2U);
}

TEST_F(SessionRekey, SendsUnderTheNewKeyAfterAWhileOrOnceThePeerDoes) {
  connect();
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
  EXPECT_EQ(client().sending, KeyId{0});
  server().session->note_peer_used_key(KeyId{0}, tunnel->now());
  tunnel->drain(server());
  EXPECT_EQ(server().sending, KeyId{0});
  server().session->note_peer_used_key(KeyId{1}, tunnel->now());
  tunnel->drain(server());
  EXPECT_EQ(server().sending, KeyId{1});
  tunnel->run_for(seconds(4));
  EXPECT_EQ(client().sending, KeyId{0});
  tunnel->run_for(seconds(2));
  EXPECT_EQ(client().sending, KeyId{1});
}

TEST_F(SessionRekey, OnAServerMayBeReceivedWithBeforeItIsAcknowledgedButNotSentWith) {
  connect();
  tunnel->on_wire = [&](const TunnelEnd& from, std::span<const std::byte>) {
    return &from != &client() || server().requests.size() < 2;
  };
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->run_until([&] { return server().established.size() == 2; }, seconds(5)));
  EXPECT_TRUE(tunnel->run_until([&] { return tunnel->same_keys(KeyId{1}); }, seconds(5)));
  EXPECT_FALSE(start(server()));
  tunnel->run_for(seconds(10));
  EXPECT_EQ(server().sending, KeyId{0});
  server().session->note_peer_used_key(KeyId{1}, tunnel->now());
  tunnel->drain(server());
  EXPECT_EQ(server().sending, KeyId{1});
  tunnel->on_wire = nullptr;
  EXPECT_TRUE(tunnel->run_until([&] { return start(server()); }, seconds(20)));
}

TEST_F(SessionRekey, IsFinishedByTheServerWhenTheClientIsAccepted) {
  connect();
  tunnel->options.on_request = OnRequest::defer;
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->run_until([&] { return server().requests.size() == 2; }, seconds(5)));
  tunnel->run_for(seconds(10));
  EXPECT_EQ(client().established.size(), 1U);
  server().session->accept_peer(KeyId{1}, tunnel->now());
  tunnel->drain(server());
  EXPECT_EQ(server().established.size(), 2U);  // before the client can send anything under it
  EXPECT_EQ(client().established.size(), 1U);
  EXPECT_TRUE(tunnel->rekeyed_to(KeyId{1}, seconds(5)));
}

TEST_F(SessionRekey, IsFinishedByTheServerWithoutAVerdictAfterHalfOfTheHandWindow) {
  connect();
  tunnel->options.on_request = OnRequest::defer;
  ASSERT_TRUE(start(client()));
  tunnel->run_for(seconds(25));
  EXPECT_EQ(client().established.size(), 1U);
  tunnel->run_for(seconds(10));
  EXPECT_EQ(client().established.size(), 2U);
  EXPECT_EQ(server().established.size(), 1U);
  server().session->accept_peer(KeyId{1}, tunnel->now());
  EXPECT_TRUE(tunnel->rekeyed_to(KeyId{1}, seconds(5)));
}

TEST_F(SessionRekey, ToldToTheClientWhenItIsRefused) {
  connect();
  tunnel->options.on_request = OnRequest::defer;
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->run_until([&] { return server().requests.size() == 2; }, seconds(5)));
  server().session->reject_peer(KeyId{1}, "", tunnel->now());
  EXPECT_TRUE(tunnel->run_until([&] { return !client().messages.empty(); }, seconds(5)));
  EXPECT_EQ(client().messages, std::vector<std::string>{"AUTH_FAILED"});
  EXPECT_EQ(server().established.size(), 1U);
}

TEST_F(SessionRekey, ThatIsNeverAcknowledgedIsTakenBack) {
  connect();
  tunnel->on_wire = [&](const TunnelEnd& from, std::span<const std::byte>) {
    return &from != &client() || server().requests.size() < 2;
  };
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->run_until([&] { return server().established.size() == 2; }, seconds(5)));
  tunnel->run_for(seconds(70));
  EXPECT_EQ(server().rekey_failures.size(), 1U);
  EXPECT_EQ(server().retired, std::vector{KeyId{1}});
  EXPECT_EQ(server().sending, KeyId{0});
  EXPECT_FALSE(server().failure);
}

TEST_F(SessionRekey, RetiresTheOldKeyAfterTheTransitionWindow) {
  connect();
  ASSERT_TRUE(start(server()));
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
  tunnel->run_for(seconds(3590));
  EXPECT_TRUE(client().retired.empty());
  tunnel->run_for(seconds(20));
  EXPECT_EQ(client().retired, std::vector{KeyId{0}});
  EXPECT_EQ(server().retired, std::vector{KeyId{0}});
  EXPECT_FALSE(client().session->dead());
}

TEST_F(SessionRekey, KeepsOneRetiringKeyOnly) {
  connect();
  for (std::uint8_t key = 1; key <= 2; ++key) {
    tunnel->run_for(seconds(10));
    ASSERT_TRUE(start(client()));
    ASSERT_TRUE(tunnel->rekeyed_to(KeyId{key}));
  }
  EXPECT_EQ(client().retired, std::vector{KeyId{0}});
  EXPECT_EQ(server().retired, std::vector{KeyId{0}});
}

TEST_F(SessionRekey, KeepsTheKeyBeforeThatUntilTheNextIsThereOrHasFailed) {
  for (const bool succeeds : {true, false}) {
    connect();
    ASSERT_TRUE(start(client()));
    ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
    tunnel->run_for(seconds(10));
    bool is_open = false;
    tunnel->on_wire = [&](const auto&, auto) { return is_open; };
    ASSERT_TRUE(start(server()));
    tunnel->run_for(seconds(1));
    EXPECT_TRUE(server().retired.empty());  // what the client has sent under it may still be on its way
    is_open = succeeds;
    if (succeeds) {
      ASSERT_TRUE(tunnel->rekeyed_to(KeyId{2}));
    } else {
      ASSERT_TRUE(tunnel->run_until([&] { return !server().rekey_failures.empty(); }, seconds(100)));
    }
    EXPECT_EQ(server().retired.at(0), KeyId{0});
  }
}

TEST_F(SessionRekey, NeverLeavesASideSendingUnderARetiredKey) {
  options.client_timers.send_key_delay = options.server_timers.send_key_delay = seconds(1000);
  connect();
  for (std::uint8_t key = 1; key <= 3; ++key) {
    tunnel->run_for(seconds(10));
    ASSERT_TRUE(start(client()));
    ASSERT_TRUE(tunnel->rekeyed_to(KeyId{key}));
    EXPECT_EQ(client().sending, KeyId{static_cast<std::uint8_t>(key - 1)});
    EXPECT_EQ(server().sending, KeyId{static_cast<std::uint8_t>(key - 1)});
  }
}

TEST_F(SessionRekey, GoesRoundTheKeyIdsUnderLossWithDynamicTlsCrypt) {
  for (const WrapKind wrap : {WrapKind::plain, WrapKind::tls_auth, WrapKind::tls_crypt_v2}) {
    options.wrap = wrap;
    options.faults = {.loss = 0.2, .repeat = 0.2, .delay = milliseconds(20), .jitter = milliseconds(200)};
    for (auto* timers : {&options.client_timers, &options.server_timers}) timers->hand_window = seconds(600);
    tunnel.emplace(options);
    ASSERT_TRUE(tunnel->connect(seconds(600)));
    ASSERT_TRUE(client().session->enable_dynamic_tls_crypt());
    ASSERT_TRUE(server().session->enable_dynamic_tls_crypt());
    EXPECT_FALSE(server().session->enable_dynamic_tls_crypt());
    KeyId key{0};
    for (int round = 0; round < 16; ++round) {
      tunnel->run_for(seconds(10));
      key = next_key_id(key);
      const bool by_client = round % 3 != 0;
      const bool by_server = round % 3 != 1;
      EXPECT_EQ(by_client && start(client()), by_client);
      EXPECT_EQ(by_server && start(server()), by_server);
      ASSERT_TRUE(tunnel->rekeyed_to(key, seconds(600))) << "round " << round;
    }
    EXPECT_EQ(key, KeyId{2});  // 1 to 7 twice, never 0 again
  }
}

TEST_F(SessionRekey, WrapsTheControlPacketsOfLaterKeysDynamically) {
  options.wrap = WrapKind::tls_auth;
  connect();
  std::vector<std::byte> soft_reset;
  tunnel->on_wire = [&](const TunnelEnd&, std::span<const std::byte> packet) {
    if (parse_first_byte(packet[0])->opcode == Opcode::control_soft_reset_v1) {
      soft_reset.assign(packet.begin(), packet.end());
    }
    return true;
  };
  ASSERT_TRUE(client().session->enable_dynamic_tls_crypt());
  ASSERT_TRUE(server().session->enable_dynamic_tls_crypt());
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
  std::vector<std::byte> scratch(2048);
  const auto wrap = tunnel->config(crypto::Role::server).wrap;
  EXPECT_EQ(wrap.unwrap(soft_reset, scratch).result, crypto::UnwrapResult::bad_tag);
}

TEST_F(SessionRekey, StartsByItselfAtTheAgeOfTheKey) {
  options.server_timers.reneg_sec = seconds(300);
  connect();
  tunnel->run_for(seconds(290));
  EXPECT_EQ(server().session->newest_key(), KeyId{0});
  tunnel->run_for(seconds(20));
  EXPECT_EQ(server().session->established_key(), KeyId{1});
  EXPECT_EQ(client().session->established_key(), KeyId{1});
}

TEST_F(SessionRekey, AFailedOneLeavesTheOldKeyUntilItsEnd) {
  connect();
  tunnel->set_faults({.loss = 1});
  ASSERT_TRUE(start(client()));
  tunnel->run_for(seconds(70));
  ASSERT_EQ(client().rekey_failures.size(), 1U);
  EXPECT_FALSE(client().session->dead());
  EXPECT_EQ(client().session->established_key(), KeyId{0});
  tunnel->run_for(seconds(3500));
  EXPECT_FALSE(client().session->dead());
  tunnel->run_for(seconds(60));
  ASSERT_TRUE(client().failure.has_value());
  EXPECT_EQ(*client().failure, "the last key has ended after a failed rekey");
  EXPECT_EQ(client().retired, std::vector{KeyId{0}});
}

TEST_F(SessionRekey, MayBeTriedAgainAfterAFailure) {
  for (const bool half_heard : {false, true}) {
    connect();
    int passed = 0;
    tunnel->on_wire = [&](const TunnelEnd&, std::span<const std::byte>) {
      return half_heard && ++passed < 4;
    };
    ASSERT_TRUE(start(client()));
    tunnel->run_for(seconds(70));
    EXPECT_EQ(client().rekey_failures.size(), 1U);
    EXPECT_EQ(server().rekey_failures.size(), half_heard ? 1U : 0U);
    tunnel->on_wire = {};
    ASSERT_TRUE(start(client()));
    EXPECT_TRUE(tunnel->rekeyed_to(KeyId{1})) << half_heard;
  }
}

TEST_F(SessionRekey, OneThatFailedIsTriedAgainByWhoeverHasATimer) {
  options.client_timers.reneg_sec = seconds(300);
  connect();
  tunnel->set_faults({.loss = 1});
  tunnel->run_for(seconds(300 + 70));
  EXPECT_EQ(client().rekey_failures.size(), 1U);
  EXPECT_EQ(client().session->established_key(), KeyId{0});
  tunnel->set_faults({});
  tunnel->run_for(seconds(60));
  EXPECT_EQ(client().session->established_key(), KeyId{1});
  EXPECT_EQ(server().session->established_key(), KeyId{1});
}

TEST_F(SessionRekey, OneThatFailsIsTriedOnceInEachHandshakeWindow) {
  options.client_timers.reneg_sec = seconds(300);
  connect();
  tunnel->set_faults({.loss = 1});
  tunnel->run_for(seconds(300 + 60 * 10 + 5));
  EXPECT_EQ(client().rekey_failures.size(), 10U);
  EXPECT_FALSE(client().session->dead());
}

TEST_F(SessionRekey, IsRefusedBeforeTheFirstKeyIsThere) {
  options.on_request = OnRequest::defer;
  tunnel.emplace(options);
  EXPECT_FALSE(start(client()));
  ASSERT_TRUE(tunnel->run_until([&] { return !client().established.empty(); }));
  ASSERT_TRUE(start(client()));  // the client is ready, the server has not let it in
  EXPECT_FALSE(start(server()));
  tunnel->run_for(seconds(1));
  EXPECT_GT(server().drops[DropReason::not_established], 0);
  EXPECT_EQ(server().session->newest_key(), KeyId{0});
}

TEST_F(SessionRekey, AFloodOfSoftResetsIsPutOff) {
  connect();
  int handshakes = 0;
  const TimePoint begin = tunnel->now().steady;
  while (tunnel->now().steady < begin + seconds(60)) {
    if (start(client())) ++handshakes;
    tunnel->run_for(seconds(1));
  }
  EXPECT_GT(server().drops[DropReason::rate_limited], 0);
  EXPECT_LE(server().requests.size(), 1U + 60 / 5);
  EXPECT_TRUE(tunnel->same_keys(*server().session->established_key()));
}

TEST_F(SessionRekey, IsPutOffOverAStreamThoughNobodyRepeatsTheReset) {
  options.transport = Transport::stream;
  for (const bool by_client : {true, false}) {
    connect();
    TunnelEnd& starter = by_client ? client() : server();
    ASSERT_TRUE(start(starter));
    ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
    const TimePoint first = tunnel->now().steady;
    ASSERT_TRUE(tunnel->run_until([&] { return start(starter); }, seconds(1)));
    ASSERT_TRUE(tunnel->rekeyed_to(KeyId{2}, seconds(10))) << by_client;
    EXPECT_GE(tunnel->now().steady, first + seconds(4));
    EXPECT_TRUE(starter.rekey_failures.empty());
  }
}

TEST_F(SessionRekey, OfAClientThatWasNotLetInYetIsAnsweredOverAStreamLater) {
  options.transport = Transport::stream;
  options.on_request = OnRequest::defer;
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return !client().established.empty(); }));
  ASSERT_TRUE(start(client()));
  tunnel->run_for(seconds(1));
  tunnel->options.on_request = OnRequest::accept;
  server().session->accept_peer(KeyId{0}, tunnel->now());
  tunnel->drain(server());
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}, seconds(10)));
  EXPECT_TRUE(client().rekey_failures.empty());
}

TEST_F(SessionRekey, CarriesMessagesThatWereQueuedMeanwhile) {
  connect();
  ASSERT_TRUE(start(server()));
  ASSERT_TRUE(server().session->send_message("PUSH_REPLY,auth-token x", tunnel->now()));
  EXPECT_TRUE(server().session->messages_waiting());
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
  tunnel->run_for(seconds(1));
  EXPECT_FALSE(server().session->messages_waiting());
  EXPECT_EQ(client().messages, std::vector<std::string>{"PUSH_REPLY,auth-token x"});
}

TEST_F(SessionRekey, CarriesMessagesInAHurryUnderTheRetiringKey) {
  connect();
  bool is_open = false;
  tunnel->on_wire = [&](const auto&, auto) { return is_open; };
  ASSERT_TRUE(start(client()));
  tunnel->run_for(seconds(1));
  is_open = true;
  ASSERT_TRUE(client().session->send_message("EXIT", tunnel->now()));
  EXPECT_TRUE(client().session->messages_waiting());
  client().session->hurry_messages(tunnel->now());
  EXPECT_FALSE(client().session->messages_waiting());
  tunnel->run_for(seconds(1));
  EXPECT_EQ(server().messages, std::vector<std::string>{"EXIT"});
}

TEST_F(SessionRekey, EndsTheSessionWhenThePeerComesBackAsSomebodyElse) {
  options.username = "alice";
  connect();
  client().session->set_credentials({"mallory", password("x")});
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->run_until([&] { return server().failure.has_value(); }));
  EXPECT_EQ(*server().failure, "the peer came back with another user name");
  EXPECT_EQ(server().requests.size(), 1U);
  EXPECT_EQ(client().messages, std::vector<std::string>{"AUTH_FAILED"});
}

TEST_F(SessionRekey, EndsTheSessionWhenThePeerComesBackWithAnotherCertificate) {
  for (const std::string name : {"somebody else", "client"}) {  // also one that was only issued anew
    connect();
    tunnel->change_client_certificate(name);
    ASSERT_TRUE(start(client()));
    ASSERT_TRUE(tunnel->run_until([&] { return server().failure.has_value(); })) << name;
    EXPECT_EQ(*server().failure, "the peer came back with another certificate");
    EXPECT_EQ(server().requests.size(), 1U);
    EXPECT_EQ(server().session->peer_chain().at(0).common_name, "client");
  }
}

TEST_F(SessionRekey, SendsTheCredentialsThatReplacedTheFirst) {
  options.username = "alice";
  options.password = "secret";
  connect();
  client().session->set_credentials({"alice", password("SESS_ID_AT_token")});
  ASSERT_TRUE(start(client()));
  ASSERT_TRUE(tunnel->rekeyed_to(KeyId{1}));
  EXPECT_EQ(server().requests[0].password.expose(), "secret");
  EXPECT_EQ(server().requests[1].password.expose(), "SESS_ID_AT_token");
}

}  // namespace
}  // namespace vpnd::test
