#include "tests/vpnd/dataplane/end.hpp"

#include <algorithm>

#include "proto/batch_channel.hpp"
#include "proto/stock_channel.hpp"

namespace vpnd::dataplane::test {

using namespace std::chrono_literals;

namespace {

constexpr auto kAlgorithm = crypto::AeadAlgorithm::aes_256_gcm;

}  // namespace

Peer& End::add_peer(std::uint32_t index, const Link& link, const PeerSettings& settings) {
  return peers.add({PeerIndex{index}, link, settings, std::make_shared<TrafficCounters>()}, now);
}

Peer& End::add_lane(std::uint32_t session, std::uint32_t lane, const Link& link,
                    const PeerSettings& settings) {
  return peers.add({.index = PeerIndex{session + lane},
                    .link = link,
                    .settings = settings,
                    .counters = std::make_shared<TrafficCounters>(),
                    .session = PeerIndex{session}},
                   now);
}

KeySlot& End::add_key(Peer& peer, proto::KeyId key, std::optional<proto::PeerId> wire_id) {
  auto& slot = peer.keys[key.value];
  slot = std::make_unique<KeySlot>();
  slot->id = key;
  slot->sealer = std::make_unique<proto::StockSealer>(kAlgorithm, test_keys(), role_, key, wire_id);
  slot->opener = std::make_unique<proto::StockOpener>(kAlgorithm, test_keys(), role_, key);
  if (peer.batch) {
    const proto::PeerId peer_id = proto::lane_peer_id(*wire_id, peer.lane());
    slot->sealer =
        std::make_unique<proto::BatchSealer>(kAlgorithm, test_keys(), role_, key, peer_id, peer.lane());
    slot->opener = std::make_unique<proto::BatchOpener>(kAlgorithm, test_keys(), role_, key, peer.lane());
  }
  peer.sending = slot.get();
  return *slot;
}

void End::set_routes(std::shared_ptr<const routing::RouteTable> routes) {
  routes_ = std::move(routes);
  outbound.set_routes(routes_.get());
  inbound.set_routes(routes_.get());
}

void End::turn() {
  const tunio::Arrivals& arrivals = io_.wait(0ns);
  outbound.begin_turn(now);
  inbound.receive(arrivals.udp, now);
  inbound.receive(arrivals.streams, now);
  port.take([this](const HandedOver& given) {
    const proto::DropReason drop =
        given.note.kind == HandoverNote::Kind::datagram ? inbound.receive(given, now) : outbound.send(given);
    if (drop != proto::DropReason::none) drops.count(drop);
  });
  inbound.open();
  inbound.finish();
  outbound.send(arrivals.tun);
  outbound.finish();
  port.publish();
  io_.flush();
  inbound.clear();
  port.release();
}

std::uint64_t End::dropped() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < proto::kDropReasonCount; ++i)
    sum += drops.get(static_cast<proto::DropReason>(i));
  return sum;
}

crypto::KeyMaterial test_keys() {
  crypto::KeyMaterial keys;
  int next = 7;
  for (std::byte& byte : keys.expose()) byte = static_cast<std::byte>(next++ & 0xff);
  return keys;
}

tunio::IpAddress address(std::string_view text) {
  return tunio::IpAddress::parse(text).value();
}

tunio::Endpoint endpoint(std::string_view text, std::uint16_t port) {
  return tunio::Endpoint::from_text(text, port).value();
}

Bytes between(Bytes packet, const tunio::IpAddress& source, const tunio::IpAddress& destination) {
  std::ranges::copy(source.bytes(), packet.begin() + 12);
  std::ranges::copy(destination.bytes(), packet.begin() + 16);
  tunio::test::fix_checksums(packet);
  return packet;
}

SuperPacket tcp_super_packet(std::size_t payload_size, std::uint16_t segment_payload) {
  SuperPacket super{{.flags = tunio::kVirtioNeedsChecksum,
                     .gso_type = tunio::kVirtioGsoTcpV4,
                     .hdr_len = 40,
                     .gso_size = segment_payload,
                     .csum_start = 20,
                     .csum_offset = 16},
                    tunio::test::Tcp{.payload = tunio::test::pattern(payload_size)}.packet()};
  tunio::test::make_partial(super.packet);
  return super;
}

}  // namespace vpnd::dataplane::test
