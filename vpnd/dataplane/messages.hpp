// What the control thread and a worker say to each other. Commands go to the worker, events come back;
// control-channel packets travel apart, in a bounded box of their own, since strangers can send those in any
// number.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "proto/compression_framing.hpp"
#include "proto/data_channel.hpp"
#include "proto/ids.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/endpoint.hpp"
#include "tunio/unique_fd.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"
#include "vpnd/routing/route_table.hpp"

namespace vpnd::dataplane {

/// A peer's slot in the workers' tables: on a server the peer id on the wire; a client has one peer, slot 0,
/// whatever id the server gave it.
///
/// A session of the batch channel with several lanes (docs/protocol.md §19) has a slot for each of them, one
/// after the other, and the first is the index of the session: what routes and the control thread know it by.
/// Every other session is its own only lane.
using routing::PeerIndex;

/// Number of a worker of this process, from 0.
struct WorkerId {
  std::uint32_t value = 0;
  auto operator<=>(const WorkerId&) const = default;
};

/// Where a peer is reached: a UDP address, or a TCP stream (then `endpoint` is only for people to read).
struct Link {
  tunio::Endpoint endpoint;
  std::optional<tunio::StreamId> stream;
  WorkerId worker{};  ///< who has the stream; of a packet: who received it
};

/// What the batch channel needs to know of a peer that speaks it.
struct BatchSettings {
  std::size_t body_size =
      0;  ///< the largest body of a record: what a datagram or frame holds, without overhead
  /// Of the IP and UDP headers around a datagram, whose size is then discovered (proto/path_mtu). 0: records
  /// have their largest size from the beginning (a stream).
  std::size_t ip_overhead = 0;
  tunio::Fragments fragments = tunio::Fragments::forbidden;
};

/// What the worker has to know of a peer besides its keys.
struct PeerSettings {
  proto::PeerId wire_id;  ///< in the header of what is sent to it
  proto::CompressionFraming framing = proto::CompressionFraming::none;
  std::uint16_t mss_limit_ipv4 = 0;  ///< of SYN segments; 0 = as they come
  std::uint16_t mss_limit_ipv6 = 0;
  bool block_ipv6 = false;
  std::optional<BatchSettings> batch = std::nullopt;  ///< none: the peer gets stock packets
  std::chrono::seconds ping_interval{0};              ///< send a ping after this silence; 0 = never
  std::chrono::seconds receive_timeout{0};            ///< report PeerSilent; 0 = never
};

// ---- commands ----
// `index` is that of a lane. DataPlane takes those of a session for all its lanes where it says so.

struct AddPeer {
  PeerIndex index;
  /// Of a lane that is not the first, a server learns the address from what comes by it: Endpoint() until
  /// then.
  Link link;
  PeerSettings settings;
  std::shared_ptr<TrafficCounters> counters;
  PeerIndex session = index;  ///< whose lane it is
};
/// A peer that another worker has: what this one reads for it is handed over. Replaces a peer of that index.
struct AddRemotePeer {
  PeerIndex index;
  WorkerId owner;
  /// Over UDP: DATA_V1 from there is handed over, too. Endpoint() if it is not known.
  std::optional<tunio::Endpoint> endpoint;
};
struct RemovePeer {
  PeerIndex index;
};
struct UpdatePeer {
  PeerIndex index;
  PeerSettings settings;
};
/// Moves a UDP peer to an address that the control thread has agreed to.
struct MovePeer {
  PeerIndex index;
  tunio::Endpoint endpoint;
};
struct AddKey {
  PeerIndex index;
  proto::KeyId key;
  std::unique_ptr<proto::DataSealer> sealer;
  std::unique_ptr<proto::DataOpener> opener;
};
struct SendWithKey {
  PeerIndex index;
  proto::KeyId key;
};
struct RetireKey {
  PeerIndex index;
  proto::KeyId key;
};
/// Replaces the table of who owns which inner addresses. A worker without one sends everything to peer 0 (a
/// client).
struct SetRoutes {
  std::shared_ptr<const routing::RouteTable> routes;
};
struct SendControl {
  Link link;
  std::optional<PeerIndex> peer;  ///< whose ping timer this packet resets
  std::vector<std::byte> packet;
};
/// Seals and sends one payload of our own (an OCC exit message) to a peer.
struct SendPayload {
  PeerIndex index;
  std::vector<std::byte> payload;
};
/// Tells the peer at once that we live, and where.
struct SendKeepalive {
  PeerIndex index;
};
/// Exchanges the UDP socket, or takes it away: a client that connects anew.
struct ReplaceUdp {
  tunio::UniqueFd socket;
};
/// Exchanges the tun device, or takes it away.
struct ReplaceTun {
  tunio::UniqueFd queue;
};
struct AddStream {
  tunio::UniqueFd socket;
  tunio::Endpoint remote;
};
struct CloseStream {
  WorkerId worker;
  tunio::StreamId stream;
};
struct Stop {};

using Command = std::variant<AddPeer, AddRemotePeer, RemovePeer, UpdatePeer, MovePeer, AddKey, SendWithKey,
                             RetireKey, SetRoutes, SendControl, SendPayload, SendKeepalive, ReplaceUdp,
                             ReplaceTun, AddStream, CloseStream, Stop>;

// ---- events ----
// `index` is that of the session, whichever of its lanes the worker has.

struct StreamOpened {
  WorkerId worker;
  tunio::StreamId stream;
  tunio::Endpoint remote;
};
struct StreamEnded {
  WorkerId worker;
  tunio::StreamId stream;
  std::error_code reason;
};
/// An authenticated packet of this peer came from another address, by the first lane if it has several.
struct PeerFloated {
  PeerIndex index;
  tunio::Endpoint endpoint;
};
/// An authenticated record came by a lane, not the first, from another address than before, and the worker
/// answers there from now on. Told once a second at most.
struct LaneFloated {
  PeerIndex index;
  proto::LaneNumber lane;
  tunio::Endpoint endpoint;
};
/// Nothing authenticated arrived by the session's first lane for `receive_timeout`; repeated every second
/// while it lasts.
struct PeerSilent {
  PeerIndex index;
};
/// The peer said goodbye in the data channel (OCC exit).
struct PeerExited {
  PeerIndex index;
};
/// The first authenticated packet under a key.
struct KeyUsed {
  PeerIndex index;
  proto::KeyId key;
};
/// A usage limit of the key comes near: renegotiate.
struct KeyWearsOut {
  PeerIndex index;
  proto::KeyId key;
};
/// The worker cannot go on (the tun device is gone).
struct WorkerFailed {
  std::string reason;
};

using Event = std::variant<StreamOpened, StreamEnded, PeerFloated, LaneFloated, PeerSilent, PeerExited,
                           KeyUsed, KeyWearsOut, WorkerFailed>;

/// One control-channel packet as it came, not yet authenticated. Fixed size: a stranger's packet allocates
/// nothing.
struct ControlPacket {
  static constexpr std::size_t kMaxSize = 2048;
  Link link;
  std::uint16_t size = 0;
  std::array<std::byte, kMaxSize> bytes;
};

}  // namespace vpnd::dataplane
