// The runs of one turn: at most one per peer is open at a time, and each ends sealed and handed to the
// BatchIo. Belongs to one worker thread; nothing here allocates or locks.

#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "proto/drop_reason.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/buffer_pool.hpp"
#include "vpnd/dataplane/outbound_run.hpp"
#include "vpnd/dataplane/peer_table.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"

namespace vpnd::dataplane {

struct OutboundLimits {
  std::size_t open_runs = 64;  ///< peers served in one turn before runs are sent early
  std::size_t stream_backlog_bytes =
      std::size_t{512} * 1024;  ///< beyond it a slow TCP peer loses packets, and nobody waits for it
};

class RunQueue {
 public:
  RunQueue(tunio::BatchIo& io, tunio::BufferPool& buffers, DropCounters& drops, const OutboundLimits& limits);

  /// What is sent from now on is sent at this time.
  void begin_turn(proto::TimePoint now) noexcept { now_ = now; }

  /// An empty run for the peer, in peer.run; the one it had is sealed and sent. The peer has a key to send
  /// with. Nothing, and why, when the peer's stream is too slow or buffers are short.
  OutboundRun* start(Peer& peer, proto::DropReason& drop) noexcept;

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
  void seal_and_send(Peer& peer) noexcept;
  void close(Peer& peer) noexcept;

  tunio::BatchIo& io_;
  tunio::BufferPool& buffers_;
  DropCounters& drops_;
  const OutboundLimits limits_;
  proto::TimePoint now_{};

  std::vector<std::unique_ptr<OutboundRun>> runs_;
  std::vector<OutboundRun*> free_runs_;
  std::vector<Peer*> open_;  // peers with a run, in the order in which they got it
  std::vector<WornKey> worn_keys_;
};

}  // namespace vpnd::dataplane
