#include "vpnd/control/server_commands.hpp"

#include "vpnd/control/server.hpp"

namespace vpnd::control {

namespace {

management::Outcome verdict_on(bool succeeded) {
  return succeeded ? management::Outcome::succeeded : management::Outcome::failed;
}

}  // namespace

std::optional<std::string> ServerCommands::status(unsigned version) {
  return server_.status_text(version);
}

// Of the clients that are there: what others have carried went with them.
management::LoadStats ServerCommands::load_stats() {
  management::LoadStats stats;
  for (const auto& client : server_.clients()) {
    if (!client->connected()) continue;
    const TrafficTotals traffic = client->traffic();
    ++stats.clients;
    stats.received += traffic.bytes_received;
    stats.sent += traffic.bytes_sent;
  }
  return stats;
}

std::vector<management::ByteCount> ServerCommands::byte_counts() {
  std::vector<management::ByteCount> counts;
  for (const auto& client : server_.clients()) {
    if (!client->connected()) continue;
    const TrafficTotals traffic = client->traffic();
    counts.push_back({client->number(), traffic.bytes_received, traffic.bytes_sent});
  }
  return counts;
}

std::size_t ServerCommands::kill_by_name(std::string_view name) {
  std::size_t killed = 0;
  for (const auto& client : server_.clients()) {
    if (client->common_name() != name) continue;
    server_.dismiss(*client, "");
    ++killed;
  }
  return killed;
}

std::size_t ServerCommands::kill_by_address(std::string_view address, std::uint16_t port) {
  std::size_t killed = 0;
  for (const auto& client : server_.clients()) {
    const tunio::Endpoint& endpoint = client->driver().link().endpoint;
    if (endpoint.address().format() != address || endpoint.port() != port) continue;
    server_.dismiss(*client, "");
    ++killed;
  }
  return killed;
}

management::Outcome ServerCommands::kill_client(std::uint64_t number, std::string_view message) {
  const auto client = server_.client(number);
  if (client) server_.dismiss(*client, message);
  return verdict_on(client != nullptr);
}

management::Outcome ServerCommands::admit_client(management::ClientKey key, std::string_view settings) {
  const auto client = server_.client(key.client);
  return verdict_on(client && client->admit_by_management(key.key, settings));
}

management::Outcome ServerCommands::deny_client(management::ClientKey key, std::string_view reason,
                                                std::string_view client_reason) {
  const auto client = server_.client(key.client);
  return verdict_on(client && client->deny_by_management(key.key, reason, client_reason));
}

management::Outcome ServerCommands::put_off_client(management::ClientKey key, std::string_view extra,
                                                   unsigned seconds) {
  const auto client = server_.client(key.client);
  return verdict_on(client && client->put_off_by_management(key.key, extra, std::chrono::seconds(seconds)));
}

std::size_t ServerCommands::push_update(std::optional<std::uint64_t> number,
                                        const std::vector<std::string>& options) {
  if (!number) return server_.push_update(std::nullopt, options);
  const auto client = server_.client(*number);
  return client ? server_.push_update(client->index(), options) : 0;
}

}  // namespace vpnd::control
