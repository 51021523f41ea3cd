// The runs of one turn: at most one per peer is open at a time, and each ends sealed and handed to the
// BatchIo. Belongs to one worker thread; nothing here allocates or locks.

#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "crypto/crypto_fork.hpp"
#include "proto/drop_reason.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/buffer_pool.hpp"
#include "tunio/ip_packet.hpp"
#include "vpnd/dataplane/outbound_run.hpp"
#include "vpnd/dataplane/peer_table.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"

namespace vpnd::dataplane {

struct OutboundLimits {
  std::size_t run_bytes = OutboundRun::kNoLimit;  ///< of a run with several records
  std::size_t open_runs = 64;                     ///< peers served in one turn before runs are sent early
  /// So many bytes may wait for a TCP peer, or for the UDP socket, before the next packet or super-packet;
  /// beyond it the peer loses what comes, and nobody waits for it. With what one super-packet and the open
  /// run add, IoConfig's stream_backlog_limit is not reached.
  std::size_t stream_backlog_bytes = std::size_t{4096 - 256} * 1024;
  /// Datagrams have the DSCP of the packets inside (passtos).
  bool pass_traffic_class = false;
};

class RunQueue {
 public:
  /// `help` is where other threads may join in the sealing; none: it is done here.
  RunQueue(tunio::BatchIo& io, tunio::BufferPool& buffers, DropCounters& drops, const OutboundLimits& limits,
           crypto::CryptoFork* help);

  /// What is sent from now on is sent at this time.
  void begin_turn(proto::TimePoint now) noexcept { now_ = now; }
  proto::TimePoint now() const noexcept { return now_; }

  /// What may join the queue of a peer.
  enum class Admission : std::uint8_t {
    whole,      ///< all of a packet or super-packet
    shortened,  ///< it without one segment, for the queue stands too long (queue_delay.hpp)
    refused,    ///< nothing, for the queue is full
  };
  /// Asked once for each packet or super-packet, before any of it goes into a run: it is never cut off in the
  /// middle. Over UDP the queue is that of the socket, for all its peers: it stands when the own network
  /// device is the bottleneck.
  [[nodiscard]] Admission admit(Peer& peer) noexcept;

  /// Whether the queue of a peer is not full; admit() for messages of our own.
  [[nodiscard]] bool has_room(const Peer& peer) noexcept;

  /// An empty run for the peer, in peer.run; the one it had is sealed and sent. The peer has a key to send
  /// with. Nothing, and why, when buffers are short.
  OutboundRun* start(Peer& peer, proto::DropReason& drop) noexcept;

  /// With `pass_traffic_class`: what is laid into the peer's runs from now on leaves with the DSCP of this
  /// packet; an open run of another one is sent.
  void follow_traffic_class(Peer& peer, const tunio::IpPacket& packet) noexcept;

  /// Seals the peer's open run, if it has one, and gives it to the BatchIo.
  void send(Peer& peer) noexcept;
  /// The same of an open run that is a probe: it tells nothing of what the path is used for.
  void send_probe(Peer& peer) noexcept;

  /// Seals every open run and gives it to the BatchIo, which sends it at its next flush().
  void finish() noexcept;

  /// Forgets the open run of a peer that goes away.
  void abandon(Peer& peer) noexcept;

  /// Peers whose key nears a limit since the last call.
  template <typename Visitor>
  void take_worn_keys(Visitor&& visit) {
    for (const auto& [peer, key] : worn_keys_) visit(peer, key);
    worn_keys_.clear();
  }

 private:
  struct WornKey {
    PeerIndex peer;
    proto::KeyId key;
  };

  void note_use_of_path(Peer& peer) noexcept;
  [[nodiscard]] std::size_t backlog(const Peer& peer) const noexcept;
  QueueWatch& watch(Peer& peer) noexcept { return peer.queue_watch ? *peer.queue_watch : udp_watch_; }
  [[nodiscard]] bool fits(const Peer& peer) const noexcept;
  static void seal(Peer& peer) noexcept;
  void hand_on(Peer& peer) noexcept;
  void close(Peer& peer) noexcept;

  tunio::BatchIo& io_;
  tunio::BufferPool& buffers_;
  DropCounters& drops_;
  const OutboundLimits limits_;
  crypto::CryptoFork* const help_;
  proto::TimePoint now_{};
  QueueWatch udp_watch_;

  std::vector<std::unique_ptr<OutboundRun>> runs_;
  std::vector<OutboundRun*> free_runs_;
  std::vector<Peer*> open_;  // peers with a run, in the order in which they got it
  std::vector<WornKey> worn_keys_;
};

}  // namespace vpnd::dataplane
