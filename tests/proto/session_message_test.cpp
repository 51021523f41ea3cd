// Text messages and authentication, on a control channel that stands.

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

class SessionMessages : public testing::Test {
 protected:
  void connect() {
    tunnel.emplace(options);
    ASSERT_TRUE(tunnel->connect(seconds(600)));
  }
  bool send(TunnelEnd& from, std::string_view text) {
    const bool taken = from.session->send_message(text, tunnel->now());
    tunnel->drain(from);
    return taken;
  }
  TunnelEnd& client() { return tunnel->client; }
  TunnelEnd& server() { return tunnel->server; }

  TunnelOptions options;
  std::optional<Tunnel> tunnel;
};

TEST_F(SessionMessages, ArriveInOrderAndWholeBothWays) {
  connect();
  EXPECT_TRUE(send(client(), "PUSH_REQUEST"));
  EXPECT_TRUE(send(server(), "PUSH_REPLY,route 10.0.0.0 255.0.0.0"));
  EXPECT_TRUE(send(server(), "INFO,one more"));
  tunnel->run_for(seconds(1));
  EXPECT_EQ(server().messages, std::vector<std::string>{"PUSH_REQUEST"});
  EXPECT_EQ(client().messages,
            (std::vector<std::string>{"PUSH_REPLY,route 10.0.0.0 255.0.0.0", "INFO,one more"}));
}

TEST_F(SessionMessages, ManyLargeOnesSurviveABadLink) {
  options.faults = {.loss = 0.2, .repeat = 0.2, .delay = milliseconds(20), .jitter = milliseconds(300)};
  options.client_timers.hand_window = options.server_timers.hand_window = seconds(600);
  connect();
  std::vector<std::string> to_client;
  std::vector<std::string> to_server;
  for (int i = 0; i < 300; ++i) {
    to_client.push_back("PUSH_REPLY," + std::to_string(i) + std::string(Session::kMaxMessageSize - 20, 'x'));
    to_server.push_back("CR_RESPONSE," + std::to_string(i));
    const auto sent = [&] { return send(server(), to_client.back()) && send(client(), to_server.back()); };
    if (!sent()) {
      to_client.pop_back();
      to_server.pop_back();
      tunnel->run_for(seconds(60));
    }
  }
  ASSERT_GT(to_client.size(), 100U);
  EXPECT_TRUE(
      tunnel->run_until([&] { return client().messages.size() >= to_client.size(); }, seconds(20000)));
  EXPECT_EQ(client().messages, to_client);
  EXPECT_EQ(server().messages, to_server);
}

TEST_F(SessionMessages, AreRefusedWhenTheyCannotBeSent) {
  connect();
  EXPECT_TRUE(send(client(), std::string(Session::kMaxMessageSize, 'x')));
  EXPECT_FALSE(send(client(), std::string(Session::kMaxMessageSize + 1, 'x')));
  EXPECT_FALSE(send(client(), ""));
  EXPECT_FALSE(send(client(), "two\nlines"));
  EXPECT_FALSE(send(client(), std::string_view("a\0b", 3)));
  tunnel->run_for(seconds(1));
  EXPECT_EQ(server().messages.size(), 1U);
}

TEST_F(SessionMessages, QueueUpToABoundWhileThePeerIsSilent) {
  connect();
  tunnel->set_faults({.loss = 1});
  std::size_t taken = 0;
  while (taken < 1000 && send(client(), std::string(2000, 'x'))) ++taken;
  EXPECT_GE(taken, Session::kMaxQueuedMessages);
  EXPECT_LE(taken, Session::kMaxQueuedMessages + 16);
  tunnel->set_faults({});
  EXPECT_TRUE(tunnel->run_until([&] { return server().messages.size() == taken; }, seconds(300)));
}

// An owner that does not take its events makes the peer wait; nothing is lost and nothing grows.
TEST_F(SessionMessages, WaitForAnOwnerThatIsSlow) {
  connect();
  std::vector<std::vector<std::byte>> packets;
  tunnel->on_wire = [&](const TunnelEnd&, std::span<const std::byte> packet) {
    packets.emplace_back(packet.begin(), packet.end());
    return false;
  };
  const auto carry_over = [&](TunnelEnd& to) {
    for (const auto& packet : std::exchange(packets, {})) {
      static_cast<void>(to.session->receive(packet, tunnel->now()));
    }
  };
  std::size_t sent = 0;
  std::vector<std::byte> answer;
  for (int round = 0; round < 400; ++round) {
    if (send(client(), "INFO," + std::to_string(sent))) ++sent;
    carry_over(server());
    while (server().session->next_packet(answer, tunnel->now())) packets.push_back(answer);
    carry_over(client());
  }
  ASSERT_GT(sent, Session::kMaxQueuedEvents);
  EXPECT_LT(sent, 400U);  // at some point there was no more room
  tunnel->on_wire = {};
  ASSERT_TRUE(tunnel->run_until([&] { return server().messages.size() == sent; }, seconds(100)));
  for (std::size_t i = 0; i < sent; ++i) EXPECT_EQ(server().messages[i], "INFO," + std::to_string(i));
}

TEST_F(SessionMessages, MayBeExchangedWhileTheVerdictIsDeferred) {
  options.on_request = OnRequest::defer;
  options.username = "alice";
  options.password = "secret";
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return !client().established.empty(); }));
  ASSERT_EQ(server().requests.size(), 1U);
  EXPECT_EQ(server().requests[0].username, "alice");
  EXPECT_EQ(server().requests[0].password.expose(), "secret");
  EXPECT_EQ(server().requests[0].certificate_chain.at(0).common_name, "client");
  EXPECT_NE(server().requests[0].peer_info.find("IV_PROTO=990"), std::string::npos);
  send(client(), "PUSH_REQUEST");
  send(server(), "AUTH_PENDING,timeout 30");
  tunnel->run_for(seconds(20));
  EXPECT_EQ(server().messages, std::vector<std::string>{"PUSH_REQUEST"});
  EXPECT_EQ(client().messages, std::vector<std::string>{"AUTH_PENDING,timeout 30"});
  EXPECT_TRUE(server().established.empty());
  EXPECT_FALSE(server().session->derive_data_keys(KeyId{0}, options.derivation).has_value());

  server().session->accept_peer(KeyId{0}, tunnel->now());
  server().session->reject_peer(KeyId{0}, "too late to change one's mind", tunnel->now());
  tunnel->drain(server());
  EXPECT_EQ(server().established.size(), 1U);
  EXPECT_FALSE(server().session->dead());
  EXPECT_TRUE(tunnel->same_keys(KeyId{0}));
}

TEST_F(SessionMessages, AVerdictThatNeverComesEndsTheSession) {
  options.on_request = OnRequest::defer;
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return server().session && !server().requests.empty(); }));
  server().session->extend_authentication(KeyId{0}, tunnel->now().steady + seconds(100));
  tunnel->run_for(seconds(90));
  EXPECT_FALSE(server().failure.has_value());
  tunnel->run_for(seconds(20));
  ASSERT_TRUE(server().failure.has_value());
  EXPECT_NE(server().failure->find("not authenticated"), std::string::npos) << *server().failure;
}

TEST_F(SessionMessages, ARejectedClientIsToldWhy) {
  options.on_request = OnRequest::reject;
  options.faults = {.loss = 0.2};
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return server().failure.has_value(); }, seconds(120)));
  EXPECT_EQ(*server().failure, "authentication failed: go away");
  EXPECT_EQ(client().messages, std::vector<std::string>{"AUTH_FAILED,go away"});
  EXPECT_TRUE(server().established.empty());
  EXPECT_TRUE(server().keys.empty());
}

TEST_F(SessionMessages, ARejectedClientThatIsGoneDoesNotHoldTheServerUp) {
  options.on_request = OnRequest::defer;
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return !client().established.empty(); }));
  tunnel->set_faults({.loss = 1});
  server().session->reject_peer(KeyId{0}, "", tunnel->now());
  tunnel->run_for(seconds(4));
  EXPECT_FALSE(server().failure.has_value());
  tunnel->run_for(seconds(2));
  EXPECT_EQ(server().failure, "authentication failed");
}

// CVE-2024-28882: a client could put off its own end by asking for it again and again.
TEST_F(SessionMessages, ARejectedClientCannotPutOffItsEnd) {
  options.on_request = OnRequest::defer;
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return !client().established.empty(); }));
  tunnel->on_wire = [this](const TunnelEnd& from, std::span<const std::byte>) { return &from == &client(); };
  server().session->reject_peer(KeyId{0}, "", tunnel->now());
  for (int second = 0; second < 6; ++second) {
    send(client(), "EXIT");
    send(client(), "PUSH_REQUEST");
    tunnel->run_for(seconds(1));
  }
  EXPECT_EQ(server().failure, "authentication failed");
}

// CVE-2022-0547: of several verdicts one that said yes overrode one that said no.
TEST_F(SessionMessages, ARejectedClientIsNotLetInByALaterVerdict) {
  options.on_request = OnRequest::defer;
  tunnel.emplace(options);
  ASSERT_TRUE(tunnel->run_until([&] { return !client().established.empty(); }));
  server().session->reject_peer(KeyId{0}, "", tunnel->now());
  server().session->accept_peer(KeyId{0}, tunnel->now());
  tunnel->run_for(seconds(10));
  EXPECT_TRUE(server().established.empty());
  EXPECT_TRUE(server().failure.has_value());
}

TEST_F(SessionMessages, ARejectedRekeyEndsTheSession) {
  connect();
  tunnel->options.on_request = OnRequest::reject;
  ASSERT_TRUE(client().session->start_rekey(tunnel->now()));
  ASSERT_TRUE(tunnel->run_until([&] { return server().failure.has_value(); }, seconds(30)));
  EXPECT_EQ(client().messages, std::vector<std::string>{"AUTH_FAILED,go away"});
  EXPECT_EQ(server().established.size(), 1U);
}

}  // namespace
}  // namespace vpnd::test
