#include "vpnd/control/client_commands.hpp"

#include <fmt/format.h>

#include "vpnd/control/client.hpp"
#include "vpnd/control/connect_gate.hpp"

namespace vpnd::control {

namespace {

constexpr std::pair<std::string_view, config::AuthRetry> kAuthRetries[] = {
    {"none", config::AuthRetry::none},
    {"nointeract", config::AuthRetry::no_interact},
    {"interact", config::AuthRetry::interact}};

}  // namespace

void ClientCommands::forget_passwords() {
  client_.forget_passwords();
}

// A client's has one form only.
std::optional<std::string> ClientCommands::status(unsigned) {
  return client_.status_text();
}

management::LoadStats ClientCommands::load_stats() {
  const TrafficTotals traffic = client_.traffic();
  return {0, traffic.bytes_received, traffic.bytes_sent};
}

std::vector<management::ByteCount> ClientCommands::byte_counts() {
  const TrafficTotals traffic = client_.traffic();
  return {{std::nullopt, traffic.bytes_received, traffic.bytes_sent}};
}

management::Outcome ClientCommands::send_challenge_response(std::string_view response) {
  return client_.send_challenge_response(response) ? management::Outcome::succeeded
                                                   : management::Outcome::failed;
}

std::optional<std::vector<std::string>> ClientCommands::remotes() const {
  std::vector<std::string> lines;
  for (const config::Remote& remote : client_.remotes()) {
    lines.push_back(
        fmt::format("{},{},{},enabled", remote.host, remote.port, protocol_name(remote.protocol)));
  }
  return lines;
}

std::string ClientCommands::auth_retry() const {
  for (const auto& [name, retry] : kAuthRetries)
    if (retry == client_.auth_retry()) return std::string(name);
  return "none";
}

bool ClientCommands::set_auth_retry(std::string_view wanted) {
  for (const auto& [name, retry] : kAuthRetries) {
    if (name != wanted) continue;
    client_.set_auth_retry(retry);
    return true;
  }
  return false;
}

}  // namespace vpnd::control
