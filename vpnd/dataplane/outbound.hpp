// Outbound: tun → network. What tun handed over in one turn is sorted into one run per peer and sealed and
// sent run by run. Belongs to one worker thread; nothing here allocates or locks.

#pragma once

#include <span>
#include <utility>

#include "proto/drop_reason.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/buffer_pool.hpp"
#include "tunio/ip_packet.hpp"
#include "tunio/segmentation.hpp"
#include "vpnd/dataplane/batch_packer.hpp"
#include "vpnd/dataplane/handover.hpp"
#include "vpnd/dataplane/peer_table.hpp"
#include "vpnd/dataplane/run_queue.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"

namespace vpnd::dataplane {

class Outbound {
 public:
  Outbound(PeerTable& peers, tunio::BatchIo& io, tunio::BufferPool& buffers, HandoverPort& port,
           DropCounters& drops, const OutboundLimits& limits, crypto::CryptoFork* help = nullptr);

  /// Without routes everything goes to session 0.
  void set_routes(const routing::RouteTable* routes) noexcept { routes_ = routes; }

  /// Takes what tun gave. The arrivals must stay until finish().
  void send(std::span<const tunio::TunArrival> arrivals) noexcept;

  /// Takes one packet or super-packet from another peer (client-to-client) for a session. Its bytes must stay
  /// until finish().
  [[nodiscard]] proto::DropReason forward(PeerIndex to, const tunio::TunArrival& packet) noexcept;

  /// Takes what another worker read for a peer of this one. The bytes must stay until finish().
  [[nodiscard]] proto::DropReason send(const HandedOver& given) noexcept;

  /// Seals a payload of our own for a stock peer, such as an OCC message; it is copied.
  [[nodiscard]] proto::DropReason send_payload(Peer& to, std::span<const std::byte> payload) noexcept;

  /// Seals what tells the peer that we are alive.
  [[nodiscard]] proto::DropReason send_keepalive(Peer& to) noexcept;

  /// Tells a peer of the batch channel that its probe of the path MTU has arrived.
  [[nodiscard]] proto::DropReason answer_probe(Peer& to, const proto::Probe& probe) noexcept;

  /// Sends the probes of the path MTU that are due, and has the next records as large as the path takes. To
  /// be called when one is answered and once in a while; does nothing for a peer without a path to discover,
  /// or that has not got its keys yet.
  void probe_path(Peer& peer) noexcept;
  /// The peer is somewhere else: what was learned of the path is void.
  void follow_path(Peer& peer) noexcept;
  /// The own device or a route has refused a datagram: the path to that address takes less.
  void path_refused(const tunio::UdpRefusal& refusal) noexcept;

  /// What is sent from now on is sent at this time.
  void begin_turn(proto::TimePoint now) noexcept {
    now_ = now;
    runs_.begin_turn(now);
  }

  /// Seals every open run and gives it to the BatchIo, which sends it at its next flush().
  void finish() noexcept { runs_.finish(); }

  /// Peers whose key nears a limit since the last call.
  template <typename Visitor>
  void take_worn_keys(Visitor&& visit) {
    runs_.take_worn_keys(std::forward<Visitor>(visit));
  }

  /// Forgets the open run of a peer that goes away.
  void abandon(Peer& peer) noexcept { runs_.abandon(peer); }

 private:
  proto::DropReason route(const tunio::TunArrival& arrival) noexcept;
  Peer* lane_to(PeerIndex session) noexcept;
  proto::DropReason send_to(Peer& peer, const tunio::IpPacket& packet,
                            const tunio::TunArrival& arrival) noexcept;
  proto::DropReason hand_over(const HandoverNote& note, std::span<const std::byte> packet) noexcept;
  proto::DropReason forward(Peer& to, std::span<const std::byte> packet) noexcept;
  proto::DropReason append(Peer& peer, const tunio::TunArrival& arrival) noexcept;
  proto::DropReason append(Peer& peer, const tunio::VirtioNetHeader& header,
                           const tunio::Segmenter& segmenter, std::size_t first_segment) noexcept;
  proto::DropReason append_segments(Peer& peer, const tunio::Segmenter& segmenter,
                                    std::size_t first_segment) noexcept;
  proto::DropReason append_plain(Peer& peer, std::span<const std::byte> packet) noexcept;
  OutboundRun* run_for(Peer& peer, std::size_t payload_size, proto::DropReason& drop) noexcept;

  PeerTable& peers_;
  HandoverPort& port_;
  DropCounters& drops_;
  const routing::RouteTable* routes_ = nullptr;
  proto::TimePoint now_{};
  RunQueue runs_;
  BatchPacker batch_packer_;
};

}  // namespace vpnd::dataplane
