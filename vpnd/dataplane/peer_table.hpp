// The worker's side of its peers: where they are, their keys and timers. Belongs to one worker thread.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "crypto/role.hpp"
#include "proto/batch_channel.hpp"
#include "proto/data_channel.hpp"
#include "proto/path_mtu.hpp"
#include "proto/time.hpp"
#include "vpnd/dataplane/messages.hpp"
#include "vpnd/dataplane/queue_delay.hpp"
#include "vpnd/dataplane/unit_assembler.hpp"

namespace vpnd::dataplane {

class OutboundRun;

/// One data-channel key in both directions.
struct KeySlot {
  proto::KeyId id;
  std::unique_ptr<proto::DataSealer> sealer;
  std::unique_ptr<proto::DataOpener> opener;
  bool used_by_peer = false;   ///< KeyUsed was reported
  bool wear_reported = false;  ///< KeyWearsOut was reported
};

/// The sending and receiving state of a peer's lane of the batch channel.
struct BatchLane {
  /// Which records need a path that is confirmed: those that may be too large for it; or all that hold a
  /// packet, where there is another lane to go by.
  enum class Confirmed : std::uint8_t { large, all };

  BatchLane(const BatchSettings& settings, Confirmed confirmed, proto::TimePoint now)
      : body_size(settings.body_size), fragments(settings.fragments) {
    if (settings.ip_overhead == 0) return;
    constexpr std::size_t kSmallestPacket = 20;
    path.emplace(
        proto::PathMtu::Settings{
            .max_size = settings.body_size + proto::kRecordOverhead,
            .ip_overhead = settings.ip_overhead,
            .confirmed_from = confirmed == Confirmed::all ? proto::kRecordOverhead + kSmallestPacket : 0},
        now);
    body_size = path->size() - proto::kRecordOverhead;
  }

  std::size_t body_size;  ///< of a record, now
  tunio::Fragments fragments;
  std::optional<proto::PathMtu> path;  ///< over UDP: how large a datagram may be
  bool is_heard = false;               ///< the peer has our keys, so that a probe would be answered
  std::uint8_t next_unit = 0;          ///< of what is sent in slices
  proto::TimePoint lossy_until{};      ///< connections inside lose packets (retransmission_watch.hpp)
  UnitAssembler assembler;             ///< of what is received in slices
  bool is_assembling = false;          ///< Inbound has it in its list
};

/// What the worker knows of one peer, or of one lane of a session that has several. An idle one holds no
/// buffer.
struct Peer {
  PeerIndex index;
  PeerIndex session;  ///< the index of its first lane
  Link link;
  PeerSettings settings;
  std::shared_ptr<TrafficCounters> counters;

  std::array<std::unique_ptr<KeySlot>, proto::kMaxKeyId + 1> keys;
  KeySlot* sending = nullptr;               ///< one of `keys`, or none yet
  std::unique_ptr<BatchLane> batch;         ///< none: stock packets
  std::unique_ptr<QueueWatch> queue_watch;  ///< of a peer with a stream

  proto::TimePoint last_sent{};
  proto::TimePoint last_received{};  ///< of something authenticated
  tunio::Endpoint float_reported;    ///< so that a run from a new address makes one event, not many
  proto::TimePoint float_reported_at{};
  bool stream_end_reported = false;
  OutboundRun* run = nullptr;      ///< being filled in this turn
  std::uint8_t traffic_class = 0;  ///< of the datagrams of its runs

  KeySlot* key(proto::KeyId id) noexcept { return keys[id.value].get(); }
  [[nodiscard]] bool is_first_lane() const noexcept { return index == session; }
  [[nodiscard]] proto::LaneNumber lane() const noexcept {
    return {static_cast<std::uint8_t>(index.value - session.value)};
  }
  /// Whether anything can be sent by it.
  [[nodiscard]] bool can_send() const noexcept {
    return sending != nullptr && (link.stream || link.endpoint != tunio::Endpoint());
  }
  /// Whether the session's packets go by it. The first lane takes whatever comes; another one only while its
  /// path is known to work, so that no packet is lost in one that is dead, or that the peer has not heard of
  /// yet.
  [[nodiscard]] bool is_in_use() const noexcept {
    return is_first_lane() || (can_send() && batch && batch->path && batch->path->is_confirmed());
  }
};

/// Finds peers by what a packet shows: the peer id on a server, the only peer on a client, the address for
/// DATA_V1, the stream over TCP. Of peers of other workers it knows whose they are.
class PeerTable {
 public:
  explicit PeerTable(crypto::Role own) noexcept : own_(own) {}

  Peer* at(PeerIndex index) noexcept {
    return index.value < peers_.size() ? peers_[index.value].get() : nullptr;
  }
  /// This worker's lane of a session: the first, if it has several.
  Peer* lane_of(PeerIndex session) noexcept {
    return session.value < lanes_.size() ? lanes_[session.value] : nullptr;
  }
  /// What a client's worker gets is always for the only peer, by the lane that the worker has.
  Peer* find(proto::PeerId wire_id) noexcept {
    return own_ == crypto::Role::client ? lane_of(PeerIndex{0}) : at(PeerIndex{wire_id.value});
  }
  Peer* find(const tunio::Endpoint& endpoint) noexcept;
  Peer* find(tunio::StreamId stream) noexcept;

  /// A peer of another worker.
  struct Remote {
    PeerIndex index;
    WorkerId owner;
    std::optional<tunio::Endpoint> endpoint;
  };
  const Remote* remote(PeerIndex index) const noexcept {
    return index.value < remotes_.size() && remotes_[index.value] ? &*remotes_[index.value] : nullptr;
  }
  /// Whose a packet is that this worker has no peer for: as find() has it, of the only peer on a client.
  const Remote* remote(proto::PeerId wire_id) const noexcept {
    return remote(own_ == crypto::Role::client ? PeerIndex{0} : PeerIndex{wire_id.value});
  }
  const Remote* remote(const tunio::Endpoint& endpoint) const noexcept;

  /// Replaces whoever had that index before.
  Peer& add(const AddPeer& command, proto::TimePoint now);
  void add_remote(const AddRemotePeer& command);
  /// Whoever has that index, here or elsewhere.
  void remove(PeerIndex index) noexcept;
  void move_remote(PeerIndex index, const tunio::Endpoint& endpoint);
  void move(Peer& peer, const tunio::Endpoint& endpoint);

  /// Calls `visit` with every peer.
  template <typename Visitor>
  void for_each(Visitor&& visit) {
    for (const auto& peer : peers_) {
      if (peer) visit(*peer);
    }
  }

 private:
  void index_link(Peer& peer);
  void forget_link(const Peer& peer) noexcept;
  void remove_remote(PeerIndex index) noexcept;

  const crypto::Role own_;
  std::vector<std::unique_ptr<Peer>> peers_;                // by index
  std::vector<Peer*> lanes_;                                // by index of the session
  std::unordered_map<tunio::Endpoint, Peer*> by_endpoint_;  // of first lanes: others have no DATA_V1
  std::unordered_map<std::uint32_t, Peer*> by_stream_;
  std::vector<std::optional<Remote>> remotes_;                          // by index
  std::unordered_map<tunio::Endpoint, PeerIndex> remotes_by_endpoint_;  // asked for DATA_V1 only
};

}  // namespace vpnd::dataplane
