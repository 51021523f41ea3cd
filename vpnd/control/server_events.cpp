// What workers report to a server.

#include <spdlog/spdlog.h>

#include "vpnd/control/server.hpp"

namespace vpnd::control {

using proto::DropReason;

void Server::on_worker_event(dataplane::Event&& event) {
  std::visit([this](const auto& known) { handle(known); }, event);
}

void Server::handle(const dataplane::StreamOpened& opened) {
  const dataplane::Link link{opened.remote, opened.stream, opened.worker};
  streams_[stream_number(link)] = {link, nullptr, proto::Clock::now()};
  spdlog::info("TCP connection established with {}", opened.remote.format());
}

void Server::handle(const dataplane::StreamEnded& ended) {
  const auto stream = streams_.find(stream_number(ended.worker, ended.stream));
  if (stream == streams_.end()) return;
  const auto client = stream->second.client;
  streams_.erase(stream);
  if (client) remove(*client, "connection closed: " + ended.reason.message());
}

// An authenticated packet came from a new address. The address may be somebody else's: then only the same
// identity may take it over (docs/protocol.md §13).
void Server::handle(const dataplane::PeerFloated& floated) {
  const auto client = clients_.at(floated.index);
  if (client == nullptr || client->driver().link().endpoint == floated.endpoint) return;
  for (const auto& other : clients_.all()) {
    if (other == client || !other->connected() || other->driver().link().stream ||
        other->driver().link().endpoint != floated.endpoint) {
      continue;
    }
    if (other->common_name() != client->common_name() || other->username() != client->username()) {
      return data_plane_->count_drop(DropReason::wrong_address);
    }
    remove(*other, "its address was taken over by the same client");
    break;
  }
  spdlog::info("{}: floated to {}", client->label(), floated.endpoint.format());
  sessions_.erase(key_of(*client));
  client->move_to(floated.endpoint);
  sessions_[key_of(*client)] = client;
}

void Server::handle(const dataplane::LaneFloated& floated) {
  const auto client = clients_.at(floated.index);
  if (client == nullptr) return;
  spdlog::info("{}: lane {} is at {}", client->label(), floated.lane.value, floated.endpoint.format());
}

void Server::handle(const dataplane::PeerSilent& silent) {
  const auto client = clients_.at(silent.index);
  if (client == nullptr || !client->connected()) return;
  if (proto::Clock::now() - client->last_received() < options_.keepalive.timeout) return;
  remove(*client, "Inactivity timeout (--ping-restart)");
}

void Server::handle(const dataplane::PeerExited& exited) {
  if (const auto client = clients_.at(exited.index))
    remove(*client, "the client has left (explicit-exit-notify)");
}

void Server::handle(const dataplane::KeyUsed& used) {
  if (const auto client = clients_.at(used.index)) client->driver().note_peer_used_key(used.key);
}

void Server::handle(const dataplane::KeyWearsOut& worn) {
  if (const auto client = clients_.at(worn.index)) client->driver().renew_worn_key(worn.key);
}

void Server::handle(const dataplane::WorkerFailed& failed) {
  finish({false, failed.reason});
}

}  // namespace vpnd::control
