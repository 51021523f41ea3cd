#include "tests/vpnd/dataplane/tunnel.hpp"

namespace vpnd::dataplane::test {

Tunnel::Tunnel(const EndSetup& client_setup, const EndSetup& server_setup, const PeerSettings& settings)
    : client(client_io, client_setup),
      server(server_io, server_setup),
      to_server(client.add_peer(0, {kServerAt, std::nullopt}, settings)),
      to_alice(server.add_peer(1, {kAliceAt, std::nullopt}, settings)) {
  client.add_key(to_server, kKey, proto::PeerId{1});
  server.add_key(to_alice, kKey, proto::PeerId{1});
  routing::RouteTableBuilder routes;
  routes.add(tunio::Prefix{kAlice, 32}, PeerIndex{1});
  routes.add(tunio::Prefix::parse("fd00::/16").value(), PeerIndex{1});
  routes.add(tunio::Prefix{kBob, 32}, PeerIndex{2});
  server.set_routes(routes.build());
}

void Tunnel::client_reads(const Bytes& packet, const tunio::VirtioNetHeader& header) {
  client_io.tun_gives(packet, header);
  client.turn();
}

void Tunnel::server_reads(const Bytes& packet, const tunio::VirtioNetHeader& header) {
  server_io.tun_gives(packet, header);
  server.turn();
}

void Tunnel::network_carries_up(const tunio::Endpoint& source) {
  for (const auto& run : client_io.take_sent()) server_io.udp_gives(source, run.bytes, run.segment_size);
  server.turn();
}

void Tunnel::network_carries_down() {
  for (const auto& run : server_io.take_sent()) client_io.udp_gives(kServerAt, run.bytes, run.segment_size);
  client.turn();
}

Tunnel::Written Tunnel::up(const Bytes& packet, const tunio::VirtioNetHeader& header) {
  client_reads(packet, header);
  network_carries_up();
  return server_io.take_written();
}

Tunnel::Written Tunnel::down(const Bytes& packet, const tunio::VirtioNetHeader& header) {
  server_reads(packet, header);
  network_carries_down();
  return client_io.take_written();
}

Bytes Tunnel::sealed_by_client(const Bytes& packet) {
  client_reads(packet);
  return client_io.take_sent().at(0).bytes;
}

void Tunnel::client_says(std::span<const std::byte> payload) {
  ASSERT_EQ(client.outbound.send_payload(to_server, payload), proto::DropReason::none);
  client.turn();
  network_carries_up();
}

Peer& Tunnel::add_bob(const Link& link, const PeerSettings& settings) {
  Peer& bob = server.add_peer(2, link, settings);
  server.add_key(bob, kKey, proto::PeerId{2});
  return bob;
}

}  // namespace vpnd::dataplane::test
