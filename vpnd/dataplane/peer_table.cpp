#include "vpnd/dataplane/peer_table.hpp"

namespace vpnd::dataplane {

namespace {

template <typename Map, typename Key>
Peer* look_up(Map& map, const Key& key) noexcept {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

}  // namespace

Peer* PeerTable::find(const tunio::Endpoint& endpoint) noexcept {
  return own_ == crypto::Role::client ? lane_of(PeerIndex{0}) : look_up(by_endpoint_, endpoint);
}

Peer* PeerTable::find(tunio::StreamId stream) noexcept {
  return look_up(by_stream_, stream.value);
}

Peer& PeerTable::add(const AddPeer& command, proto::TimePoint now) {
  remove(command.index);
  if (command.index.value >= peers_.size()) peers_.resize(command.index.value + 1);
  if (command.session.value >= lanes_.size()) lanes_.resize(command.session.value + 1);
  auto peer = std::make_unique<Peer>();
  peer->index = command.index;
  peer->session = command.session;
  peer->link = command.link;
  peer->settings = command.settings;
  peer->counters = command.counters;
  if (const auto& batch = command.settings.batch) {
    const auto confirmed = peer->is_first_lane() ? BatchLane::Confirmed::large : BatchLane::Confirmed::all;
    peer->batch = std::make_unique<BatchLane>(*batch, confirmed, now);
  }
  if (command.link.stream) peer->queue_watch = std::make_unique<QueueWatch>();
  peer->last_sent = now;
  peer->last_received = now;
  Peer& added = *(peers_[command.index.value] = std::move(peer));
  index_link(added);
  Peer*& lane = lanes_[command.session.value];
  if (lane == nullptr || added.is_first_lane()) lane = &added;
  return added;
}

const PeerTable::Remote* PeerTable::remote(const tunio::Endpoint& endpoint) const noexcept {
  if (own_ == crypto::Role::client) return remote(PeerIndex{0});
  const auto found = remotes_by_endpoint_.find(endpoint);
  return found == remotes_by_endpoint_.end() ? nullptr : remote(found->second);
}

void PeerTable::add_remote(const AddRemotePeer& command) {
  remove(command.index);
  if (command.index.value >= remotes_.size()) remotes_.resize(command.index.value + 1);
  remotes_[command.index.value] = Remote{command.index, command.owner, command.endpoint};
  if (command.endpoint && *command.endpoint != tunio::Endpoint())
    remotes_by_endpoint_[*command.endpoint] = command.index;
}

void PeerTable::move_remote(PeerIndex index, const tunio::Endpoint& endpoint) {
  const Remote* const moved = remote(index);
  if (moved != nullptr) add_remote({index, moved->owner, endpoint});
}

// As with forget_link(): the address may be another peer's by now.
void PeerTable::remove_remote(PeerIndex index) noexcept {
  const Remote* const gone = remote(index);
  if (gone == nullptr) return;
  const auto entry = gone->endpoint ? remotes_by_endpoint_.find(*gone->endpoint) : remotes_by_endpoint_.end();
  if (entry != remotes_by_endpoint_.end() && entry->second == index) remotes_by_endpoint_.erase(entry);
  remotes_[index.value].reset();
}

void PeerTable::remove(PeerIndex index) noexcept {
  remove_remote(index);
  const Peer* const peer = at(index);
  if (peer == nullptr) return;
  forget_link(*peer);
  if (Peer*& lane = lanes_[peer->session.value]; lane == peer) lane = nullptr;
  peers_[index.value].reset();
}

void PeerTable::move(Peer& peer, const tunio::Endpoint& endpoint) {
  forget_link(peer);
  peer.link.endpoint = endpoint;
  index_link(peer);
}

void PeerTable::index_link(Peer& peer) {
  if (peer.link.stream) {
    by_stream_[peer.link.stream->value] = &peer;
  } else if (peer.is_first_lane()) {
    by_endpoint_[peer.link.endpoint] = &peer;
  }
}

// Another peer may have taken over the address meanwhile, so only an entry that is still this peer's goes.
void PeerTable::forget_link(const Peer& peer) noexcept {
  if (peer.link.stream) {
    if (look_up(by_stream_, peer.link.stream->value) == &peer) by_stream_.erase(peer.link.stream->value);
  } else if (look_up(by_endpoint_, peer.link.endpoint) == &peer) {
    by_endpoint_.erase(peer.link.endpoint);
  }
}

}  // namespace vpnd::dataplane
