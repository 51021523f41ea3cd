#include "vpnd/control/client_table.hpp"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

#include "vpnd/config/worker_count.hpp"

namespace vpnd::control {

namespace {

// Beside the other end of two, a session by which it comes back.
std::size_t client_count(const config::Options& options) {
  return options.point_to_point ? 2 : options.server.max_clients;
}

// kNoPeer is nobody's.
std::uint32_t peer_id_count(const config::Options& options) {
  const std::size_t lanes =
      options.batch.channel ? config::worker_count(options, std::thread::hardware_concurrency()) : 1;
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(client_count(options) * lanes, proto::kNoPeer.value));
}

}  // namespace

ClientTable::ClientTable(const config::Options& options)
    : max_clients_(client_count(options)),
      clients_(peer_id_count(options)),
      peer_ids_(static_cast<std::uint32_t>(clients_.size())) {}

std::optional<dataplane::PeerIndex> ClientTable::reserve() {
  if (count_ == max_clients_) return std::nullopt;
  return peer_ids_.take();
}

void ClientTable::insert(const Client& client) {
  clients_[client->index().value] = client;
  client->set_number(next_number_++);
  ++count_;
}

void ClientTable::settle(ServerClient& client, std::optional<dataplane::PeerIndex> former) {
  Client settled = std::exchange(clients_[client.index().value], nullptr);
  peer_ids_.give_back(client.index(), client.lanes());  // may be part of what it gets
  const auto [first, lanes] = take_row(client, former);
  clients_[first.value] = std::move(settled);
  client.settle(first, lanes);
}

ClientTable::Row ClientTable::take_row(const ServerClient& client,
                                       std::optional<dataplane::PeerIndex> former) {
  for (std::uint32_t lanes = client.wanted_lanes(); lanes > 1; --lanes) {
    if (const auto first = peer_ids_.take(lanes)) return {*first, lanes};
  }
  if (former && peer_ids_.claim(*former)) return {*former, 1};
  (void)peer_ids_.claim(client.index());  // nobody has taken it meanwhile
  return {client.index(), 1};
}

ClientTable::Client ClientTable::remove(const ServerClient& client) {
  if (at(client.index()).get() != &client) return nullptr;
  peer_ids_.give_back(client.index(), client.lanes());
  --count_;
  return std::exchange(clients_[client.index().value], nullptr);
}

ClientTable::Client ClientTable::at(dataplane::PeerIndex index) const {
  return index.value < clients_.size() ? clients_[index.value] : nullptr;
}

std::vector<ClientTable::Client> ClientTable::all() const {
  std::vector<Client> present;
  present.reserve(count_);
  std::copy_if(clients_.begin(), clients_.end(), std::back_inserter(present),
               [](const Client& client) { return client != nullptr; });
  return present;
}

}  // namespace vpnd::control
