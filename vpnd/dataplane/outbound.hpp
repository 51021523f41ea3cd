// Outbound: tun → network. What tun handed over in one turn is sorted into one run per peer and sealed and
// sent run by run. Belongs to one worker thread; nothing here allocates or locks.

#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "proto/drop_reason.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/buffer_pool.hpp"
#include "tunio/ip_packet.hpp"
#include "vpnd/dataplane/handover.hpp"
#include "vpnd/dataplane/outbound_run.hpp"
#include "vpnd/dataplane/peer_table.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"

namespace vpnd::dataplane {

struct OutboundLimits {
  std::size_t open_runs = 64;  ///< peers served in one turn before runs are sent early
  std::size_t stream_backlog_bytes =
      std::size_t{512} * 1024;  ///< beyond it a slow TCP peer loses packets, and nobody waits for it
};

class Outbound {
 public:
  Outbound(PeerTable& peers, tunio::BatchIo& io, tunio::BufferPool& buffers, HandoverPort& port,
           DropCounters& drops, const OutboundLimits& limits);

  /// Without routes everything goes to peer 0.
  void set_routes(const routing::RouteTable* routes) noexcept { routes_ = routes; }

  /// What leaves from here on, leaves at this time.
  void begin_turn(proto::TimePoint now) noexcept { now_ = now; }

  /// Takes what tun gave. The arrivals must stay until finish().
  void send(std::span<const tunio::TunArrival> arrivals) noexcept;

  /// Takes one packet from another peer (client-to-client). `packet` must stay until finish().
  [[nodiscard]] proto::DropReason forward(PeerIndex to, std::span<const std::byte> packet) noexcept;

  /// Takes what another worker read for a peer of this one. The bytes must stay until finish().
  [[nodiscard]] proto::DropReason send(const HandedOver& given) noexcept;

  /// Seals a payload of our own, such as a ping; it is copied.
  [[nodiscard]] proto::DropReason send_payload(Peer& to, std::span<const std::byte> payload) noexcept;

  /// Seals every open run and gives it to the BatchIo, which sends it at its next flush().
  void finish(proto::TimePoint now) noexcept;

  /// Peers whose key nears a limit since the last call.
  template <typename Visitor>
  void take_worn_keys(Visitor&& visit) {
    for (const auto& [peer, key] : worn_keys_) visit(peer, key);
    worn_keys_.clear();
  }

  /// Forgets the open run of a peer that goes away.
  void abandon(Peer& peer) noexcept;

 private:
  struct WornKey {
    PeerIndex peer;
    proto::KeyId key;
  };

  proto::DropReason route(const tunio::TunArrival& arrival) noexcept;
  proto::DropReason send_to(Peer& peer, const tunio::IpPacket& packet,
                            const tunio::TunArrival& arrival) noexcept;
  proto::DropReason hand_over(const HandoverNote& note, std::span<const std::byte> packet) noexcept;
  proto::DropReason forward(Peer& to, std::span<const std::byte> packet) noexcept;
  proto::DropReason append(Peer& peer, const tunio::TunArrival& arrival) noexcept;
  proto::DropReason append_plain(Peer& peer, std::span<const std::byte> packet) noexcept;
  OutboundRun* run_for(Peer& peer, std::size_t payload_size, proto::DropReason& drop) noexcept;
  OutboundRun* begin_run(Peer& peer, proto::DropReason& drop) noexcept;
  void finish_run(Peer& peer) noexcept;
  void release_run(Peer& peer) noexcept;

  PeerTable& peers_;
  tunio::BatchIo& io_;
  tunio::BufferPool& buffers_;
  HandoverPort& port_;
  DropCounters& drops_;
  const OutboundLimits limits_;
  const routing::RouteTable* routes_ = nullptr;
  proto::TimePoint now_{};

  std::vector<std::unique_ptr<OutboundRun>> runs_;
  std::vector<OutboundRun*> free_runs_;
  std::vector<Peer*> open_;  // peers with a run, in the order in which they got it
  std::vector<WornKey> worn_keys_;
};

}  // namespace vpnd::dataplane
