// One end of a tunnel's data plane with its tables and a recorder, driven turn by turn over any BatchIo.

#pragma once

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/key_material.hpp"
#include "crypto/role.hpp"
#include "tests/tunio/packet_builder.hpp"
#include "tunio/batch_io.hpp"
#include "vpnd/dataplane/inbound.hpp"
#include "vpnd/dataplane/outbound.hpp"
#include "vpnd/dataplane/peer_table.hpp"

namespace vpnd::dataplane::test {

using tunio::test::Bytes;

// Keeps what Inbound reports.
class Recorder final : public InboundObserver {
 public:
  struct Control {
    Link from;
    Bytes packet;
  };

  void on_control_packet(const Link& from, std::span<const std::byte> packet) override {
    control.push_back({from, {packet.begin(), packet.end()}});
  }
  void on_event(Event&& event) override { events.push_back(std::move(event)); }

  template <typename Wanted>
  std::vector<Wanted> all() const {
    std::vector<Wanted> found;
    for (const Event& event : events) {
      if (const auto* wanted = std::get_if<Wanted>(&event)) found.push_back(*wanted);
    }
    return found;
  }

  std::vector<Control> control;
  std::vector<Event> events;
};

struct EndSetup {
  crypto::Role role = crypto::Role::client;
  InboundPolicy policy = {};
  OutboundLimits limits = {};
  std::size_t buffers = 64;
  std::shared_ptr<Handover> handover = nullptr;
  WorkerId worker = {};
  crypto::CryptoFork* help = nullptr;
};

// The data path of one side. Time stands still unless a test moves `now`.
class End {
 public:
  End(tunio::BatchIo& io, const EndSetup& setup)
      : role_(setup.role),
        io_(io),
        buffers(setup.buffers),
        peers(setup.role),
        port(setup.handover, setup.worker, io),
        outbound(peers, io, buffers, port, drops, setup.limits, setup.help),
        inbound(peers, io, outbound, buffers, port, drops, recorder, setup.policy, setup.help) {}

  Peer& add_peer(std::uint32_t index, const Link& link, const PeerSettings& settings = {});
  Peer& add_lane(std::uint32_t session, std::uint32_t lane, const Link& link, const PeerSettings& settings);
  // A key of the peer in both directions; packets are records if the peer has batch settings, else DATA_V2
  // with a wire id and DATA_V1 without. Of a lane the wire id is that of the first.
  KeySlot& add_key(Peer& peer, proto::KeyId key, std::optional<proto::PeerId> wire_id);
  void set_routes(std::shared_ptr<const routing::RouteTable> routes);

  // What the worker does in one turn, without commands and ticks.
  void turn();

  std::uint64_t dropped(proto::DropReason reason) const { return drops.get(reason); }
  std::uint64_t dropped() const;  // for whatever reason

 private:
  const crypto::Role role_;
  tunio::BatchIo& io_;
  std::shared_ptr<const routing::RouteTable> routes_;

 public:
  proto::TimePoint now{std::chrono::seconds(1000)};
  tunio::BufferPool buffers;
  PeerTable peers;
  DropCounters drops;
  HandoverPort port;
  Recorder recorder;
  Outbound outbound;
  Inbound inbound;
};

// Both ends derive their keys from this.
crypto::KeyMaterial test_keys();

tunio::IpAddress address(std::string_view text);
tunio::Endpoint endpoint(std::string_view text, std::uint16_t port);

// The IPv4 packet with other addresses and correct checksums.
Bytes between(Bytes packet, const tunio::IpAddress& source, const tunio::IpAddress& destination);

// A super-packet as tun hands it over, and the header that says how to cut it.
struct SuperPacket {
  tunio::VirtioNetHeader header;
  Bytes packet;
};
SuperPacket tcp_super_packet(std::size_t payload_size, std::uint16_t segment_payload);

}  // namespace vpnd::dataplane::test
