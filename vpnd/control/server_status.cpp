// What a server tells about itself: the status file, and the statistics that SIGUSR2 asks for.

#include <spdlog/spdlog.h>

#include <chrono>

#include "vpnd/control/server.hpp"
#include "vpnd/host/file_io.hpp"

namespace vpnd::control {

host::ServerStatus Server::status() const {
  host::ServerStatus status;
  status.title = "vpnd " VPND_VERSION;
  status.now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  for (const auto& client : clients_.all()) {
    if (!client->addresses()) continue;
    const TrafficTotals traffic = client->traffic();
    const dataplane::Link& link = client->driver().link();
    const bool v4 = link.endpoint.address().is_v4();
    host::RealAddress real{link.endpoint.format(),
                           link.stream ? (v4 ? host::Transport::tcp4_server : host::Transport::tcp6_server)
                                       : (v4 ? host::Transport::udp4 : host::Transport::udp6)};
    host::ClientStatus row;
    row.common_name = client->common_name();
    row.real_address = real;
    row.bytes_received = traffic.bytes_received;
    row.bytes_sent = traffic.bytes_sent;
    row.connected_since = client->connected_since();
    row.username = client->username();
    row.client_id = client->number();
    row.peer_id = client->index().value;
    row.cipher = client->cipher();
    const auto route = [&](const std::string& address) {
      status.routes.push_back({address, false, client->common_name(), real, status.now});
    };
    const Assignment& addresses = *client->addresses();
    if (addresses.ipv4) route(row.virtual_ipv4 = addresses.ipv4->format());
    if (addresses.ipv6) route(row.virtual_ipv6 = addresses.ipv6->address.format());
    for (const tunio::Prefix& network : addresses.networks) route(network.network().format());
    status.clients.push_back(std::move(row));
  }
  return status;
}

std::optional<std::string> Server::status_text(unsigned version) const {
  if (version == 0) version = options_.log.status_version;
  if (version > 3) return std::nullopt;
  return host::format_server_status(status(), static_cast<host::StatusVersion>(version));
}

ClientTable::Client Server::client(std::uint64_t number) const {
  for (const auto& known : clients_.all())
    if (known->number() == number) return known;
  return nullptr;
}

void Server::dismiss(ServerClient& client, std::string_view message) {
  if (!message.empty()) {
    client.driver().session().send_message(message, now());
    client.driver().pump();
  }
  remove(client, "ended by a management client");
}

void Server::report(management::State state, std::string_view detail) const {
  if (management_ == nullptr) return;
  management::StateDetails details;
  details.text = detail;
  const auto& own = options_.tunnel.addresses;
  const bool has_addresses = state == management::State::assign_ip || state == management::State::connected;
  if (has_addresses && own.local) details.local_ipv4 = own.local->format();
  if (has_addresses && own.local_ipv6) details.local_ipv6 = own.local_ipv6->address.format();
  management_->report(state, details);
}

void Server::write_status() const {
  const auto version = static_cast<host::StatusVersion>(options_.log.status_version);
  const auto written = host::write_file_atomically(options_.log.status->path,
                                                   host::format_server_status(status(), version), 0640);
  if (!written.ok()) spdlog::warn("status: {}", written.reason);
}

void Server::log_statistics() {
  const auto version = static_cast<host::StatusVersion>(options_.log.status_version);
  spdlog::info("{}", host::format_server_status(status(), version));
  spdlog::info("drops: {}", data_plane_->describe_drops());
  for (const std::string& line : data_plane_->describe_io()) spdlog::info("{}", line);
}

}  // namespace vpnd::control
