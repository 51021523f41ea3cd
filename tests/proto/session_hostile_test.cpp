// What strangers, eavesdroppers and broken peers can do to a session: nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "proto/wrap_state.hpp"
#include "tests/support/session_tunnel.hpp"

namespace vpnd::test {
namespace {

using namespace proto;
using std::chrono::seconds;
using Packet = std::vector<std::byte>;

class SessionHostile : public testing::Test {
 protected:
  void connect() {
    tunnel.emplace(options);
    tunnel->on_wire = [this](const TunnelEnd& from, std::span<const std::byte> packet) {
      (&from == &tunnel->client ? from_client : from_server).emplace_back(packet.begin(), packet.end());
      return true;
    };
    ASSERT_TRUE(tunnel->connect());
    tunnel->run_for(seconds(1));
  }

  // A packet to the server under the plain wrapping, as somebody writes it who knows both session ids.
  Packet forge(Opcode opcode, KeyId key, ControlBody body) {
    body.receiver = tunnel->server.session->local_id();
    return format({opcode, key, tunnel->client.session->local_id()}, body);
  }
  static Packet format(const ControlHeader& header, const ControlBody& body) {
    Packet packet(kControlHeaderSize + control_body_size(body));
    format_control_header(header, std::span(packet).first<kControlHeaderSize>());
    EXPECT_EQ(format_control_body(body, std::span(packet).subspan(kControlHeaderSize)),
              packet.size() - kControlHeaderSize);
    return packet;
  }
  DropReason to_server(const Packet& packet) { return tunnel->inject(tunnel->server, packet); }
  int packets_waiting(TunnelEnd& end) {
    Packet packet;
    int count = 0;
    while (end.session->next_packet(packet, tunnel->now())) ++count;
    return count;
  }
  // Whether the control channel still carries a message each way.
  bool still_works() {
    const auto before = tunnel->server.messages.size() + tunnel->client.messages.size();
    EXPECT_TRUE(tunnel->client.session->send_message("INFO,a", tunnel->now()));
    EXPECT_TRUE(tunnel->server.session->send_message("INFO,b", tunnel->now()));
    tunnel->run_for(seconds(10));
    return tunnel->server.messages.size() + tunnel->client.messages.size() == before + 2;
  }

  TunnelOptions options;
  std::optional<Tunnel> tunnel;
  std::vector<Packet> from_client;
  std::vector<Packet> from_server;
};

TEST_F(SessionHostile, ReplayedPacketsChangeNothing) {
  options.wrap = WrapKind::tls_crypt;
  options.cookie = false;  // so that the session has seen every packet, also the client's reset
  connect();
  for (int round = 0; round < 200; ++round) {
    for (const Packet& packet : from_client) EXPECT_NE(to_server(packet), DropReason::none);
    for (const Packet& packet : from_server)
      EXPECT_NE(tunnel->inject(tunnel->client, packet), DropReason::none);
  }
  EXPECT_EQ(packets_waiting(tunnel->server), 0);
  EXPECT_EQ(packets_waiting(tunnel->client), 0);
  EXPECT_TRUE(still_works());
}

TEST_F(SessionHostile, RepeatedPacketsOnAPlainChannelAreAcknowledgedInBulk) {
  connect();
  for (int round = 0; round < 200; ++round) {
    for (const Packet& packet : from_client) EXPECT_EQ(to_server(packet), DropReason::none);
  }
  EXPECT_LE(packets_waiting(tunnel->server), 2);
  EXPECT_TRUE(still_works());
}

TEST_F(SessionHostile, DamagedPacketsChangeNothing) {
  for (const WrapKind wrap : {WrapKind::tls_auth, WrapKind::tls_crypt, WrapKind::tls_crypt_v2}) {
    options.wrap = wrap;
    options.cookie = false;
    from_client.clear();
    connect();
    std::mt19937 random(3);
    for (int round = 0; round < 3000; ++round) {
      Packet packet = from_client[random() % from_client.size()];
      const bool cut = round % 7 == 0;
      if (cut) packet.resize(random() % packet.size());
      if (!packet.empty()) packet[random() % packet.size()] ^= std::byte{1} << (random() % 8);
      EXPECT_NE(to_server(packet), DropReason::none);
    }
    EXPECT_EQ(packets_waiting(tunnel->server), 0);
    EXPECT_TRUE(still_works());
  }
}

TEST_F(SessionHostile, EveryKindOfWrongPacketHasItsReason) {
  connect();
  const ControlBody empty{};
  ControlBody zero{};
  zero.message_id = MessageId{0};
  ControlBody next{};
  next.message_id = MessageId{1};
  ControlBody far{};
  far.message_id = MessageId{1000};
  ControlBody acks{};
  acks.acks.push(MessageId{0});
  const ControlHeader stranger{Opcode::ack_v1, KeyId{0}, random_session_id()};
  ControlBody misaddressed = acks;
  misaddressed.receiver = random_session_id();
  const ControlHeader to_nobody{Opcode::ack_v1, KeyId{0}, tunnel->client.session->local_id()};

  const struct {
    Packet packet;
    DropReason drop;
  } cases[] = {
      {{}, DropReason::too_short},
      {Packet(8, std::byte{0x20}), DropReason::too_short},
      {Packet(3000, std::byte{0x20}), DropReason::session_id_mismatch},
      {format(stranger, empty), DropReason::session_id_mismatch},
      {format(to_nobody, misaddressed), DropReason::session_id_mismatch},
      {forge(Opcode::control_hard_reset_server_v2, KeyId{0}, zero), DropReason::unknown_opcode},
      {forge(Opcode::control_hard_reset_client_v2, KeyId{3}, zero), DropReason::key_ids_out_of_sync},
      {forge(Opcode::control_hard_reset_client_v2, KeyId{0}, next), DropReason::malformed},
      {forge(Opcode::control_soft_reset_v1, KeyId{2}, zero), DropReason::key_ids_out_of_sync},
      {forge(Opcode::control_soft_reset_v1, KeyId{1}, next), DropReason::malformed},
      {forge(Opcode::control_v1, KeyId{1}, next), DropReason::key_ids_out_of_sync},
      {forge(Opcode::control_v1, KeyId{0}, zero), DropReason::malformed},
      {forge(Opcode::control_v1, KeyId{0}, far), DropReason::window_full},
      {forge(Opcode::control_wkc_v1, KeyId{0}, next), DropReason::malformed},
  };
  for (const auto& [packet, drop] : cases) {
    EXPECT_EQ(to_server(packet), drop)
        << (packet.empty() ? 0 : std::to_integer<int>(packet[0])) << " " << text(drop);
  }
  EXPECT_EQ(packets_waiting(tunnel->server), 0);
  EXPECT_TRUE(still_works());
}

TEST_F(SessionHostile, APacketLargerThanAnyControlPacketIsRefused) {
  connect();
  Packet large = from_client.back();
  large.resize(WrapState::kMaxPacketSize + 1);
  EXPECT_EQ(to_server(large), DropReason::too_big);
}

TEST_F(SessionHostile, AResetWithAnotherSessionIdIsReportedOnceAndKeepsTheSession) {
  connect();
  ControlBody zero{};
  zero.message_id = MessageId{0};
  for (int i = 0; i < 1000; ++i) {
    const Packet reset = format({Opcode::control_hard_reset_client_v2, KeyId{0}, random_session_id()}, zero);
    EXPECT_EQ(to_server(reset), DropReason::session_id_mismatch);
  }
  tunnel->drain(tunnel->server);
  EXPECT_EQ(tunnel->server.peer_resets, 1);
  EXPECT_TRUE(still_works());
}

TEST_F(SessionHostile, AClientBelievesNoServerThatDoesNotKnowItsSessionId) {
  tunnel.emplace(options);
  ControlBody reset{};
  reset.message_id = MessageId{0};
  const ControlHeader header{Opcode::control_hard_reset_server_v2, KeyId{0}, random_session_id()};
  EXPECT_EQ(tunnel->inject(tunnel->client, format(header, reset)), DropReason::session_id_mismatch);
  reset.acks.push(MessageId{0});
  reset.receiver = random_session_id();
  EXPECT_EQ(tunnel->inject(tunnel->client, format(header, reset)), DropReason::session_id_mismatch);
  EXPECT_FALSE(tunnel->client.session->remote_id().has_value());
  EXPECT_TRUE(tunnel->connect());
}

TEST_F(SessionHostile, AForgedResetDoesNotRestartAnEstablishedKey) {
  connect();
  ControlBody zero{};
  zero.message_id = MessageId{0};
  EXPECT_EQ(to_server(forge(Opcode::control_hard_reset_client_v2, KeyId{0}, zero)), DropReason::none);
  EXPECT_EQ(packets_waiting(tunnel->server), 1);  // acknowledged as a repetition, and that is all
  EXPECT_TRUE(still_works());
}

TEST_F(SessionHostile, GarbageInsteadOfTlsEndsTheHandshake) {
  tunnel.emplace(options);
  proto::Session server(tunnel->config(crypto::Role::server),
                        AcceptedContact{random_session_id(), random_session_id()}, tunnel->now());
  const Packet garbage(1000, std::byte{0x5A});
  ControlBody body{};
  body.message_id = MessageId{1};
  body.payload = garbage;
  EXPECT_EQ(server.receive(format({Opcode::control_v1, KeyId{0}, *server.remote_id()}, body), tunnel->now()),
            DropReason::none);
  EXPECT_TRUE(server.dead());
  const auto event = server.next_event();
  ASSERT_TRUE(event && std::holds_alternative<Failed>(*event));
  EXPECT_FALSE(std::get<Failed>(*event).reason.empty());
  EXPECT_EQ(server.receive(garbage, tunnel->now()), DropReason::not_established);
}

TEST_F(SessionHostile, PacketsAheadOfTheWindowAreNotKept) {
  tunnel.emplace(options);
  proto::Session server(tunnel->config(crypto::Role::server),
                        AcceptedContact{random_session_id(), random_session_id()}, tunnel->now());
  const Packet payload(1000, std::byte{1});
  int kept = 0;
  for (std::uint32_t id = 2; id < 5000; ++id) {
    ControlBody body{};
    body.message_id = MessageId{id};
    body.payload = payload;
    if (server.receive(format({Opcode::control_v1, KeyId{0}, *server.remote_id()}, body), tunnel->now()) ==
        DropReason::none) {
      ++kept;
    }
  }
  EXPECT_EQ(kept, 11);  // the window holds twelve, and message 1 is missing
}

}  // namespace
}  // namespace vpnd::test
