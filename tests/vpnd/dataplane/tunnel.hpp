// A client and a server in memory, with the network between them in the test's hands:
//
//   client tun ── client ──(kAliceAt → kServerAt)── server ── server tun
//   10.8.0.1      peer 0 = the server               peer 1 = Alice (the client)          10.8.0.2
//                                                   peer 2 = Bob, 10.8.0.3, if added

#pragma once

#include <gtest/gtest.h>

#include "tests/vpnd/dataplane/end.hpp"
#include "tunio/memory_io.hpp"

namespace vpnd::dataplane::test {

inline constexpr proto::KeyId kKey{0};

class Tunnel : public testing::Test {
 protected:
  using Written = std::vector<tunio::MemoryIo::WrittenPacket>;

  explicit Tunnel(const EndSetup& client_setup = {.role = crypto::Role::client},
                  const EndSetup& server_setup = {.role = crypto::Role::server},
                  const PeerSettings& settings = {});

  // ---- what happens ----
  void client_reads(const Bytes& packet, const tunio::VirtioNetHeader& header = {});  // and takes its turn
  void server_reads(const Bytes& packet, const tunio::VirtioNetHeader& header = {});
  void network_carries_up(const tunio::Endpoint& source);  // what the client sent so far; the server's turn
  void network_carries_up() { network_carries_up(kAliceAt); }
  void network_carries_down();

  // A packet's whole way: what comes out of the other tun.
  Written up(const Bytes& packet, const tunio::VirtioNetHeader& header = {});
  Written down(const Bytes& packet, const tunio::VirtioNetHeader& header = {});
  // The client's next datagram, for tests that change it.
  Bytes sealed_by_client(const Bytes& packet);
  // Our own payload (ping, OCC) from client to server.
  void client_says(std::span<const std::byte> payload);

  Peer& add_bob(const Link& link, const PeerSettings& settings = {});

  const tunio::IpAddress kAlice = address("10.8.0.1");
  const tunio::IpAddress kHost = address("10.8.0.2");
  const tunio::IpAddress kBob = address("10.8.0.3");
  const tunio::Endpoint kServerAt = endpoint("192.0.2.1", 1194);
  const tunio::Endpoint kAliceAt = endpoint("198.51.100.1", 4001);
  const tunio::Endpoint kBobAt = endpoint("198.51.100.2", 4002);

  tunio::MemoryIo client_io;
  tunio::MemoryIo server_io;
  End client;
  End server;
  Peer& to_server;
  Peer& to_alice;
};

}  // namespace vpnd::dataplane::test
