// A server's client and the management interface: who decides about it there, and what is told of it.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>

#include "proto/control_message.hpp"
#include "vpnd/config/client_config.hpp"
#include "vpnd/control/server_client.hpp"

namespace vpnd::control {

namespace {

// What stock leaves for it in a control message.
constexpr std::size_t kLongestExtra = 1024;

}  // namespace

host::ScriptEnvironment ServerClient::environment_with_password(
    const proto::AuthenticationRequest& request) const {
  host::ScriptEnvironment known = environment();
  if (!request.username.empty()) known.set("username", request.username);
  if (!request.password.empty()) known.set("password", request.password.expose());
  return known;
}

void ServerClient::ask_management(proto::KeyId key, host::ScriptEnvironment&& environment) {
  driver_.session().extend_authentication(key, proto::Clock::now() + patience());
  std::erase_if(open_keys_, [key](const auto& entry) { return entry.second == key; });
  open_keys_[++last_kid_] = key;
  using enum ClientNotices::Occasion;
  context_.notices->needs_decision(number_, last_kid_, connected() ? renewal : first, environment);
}

bool ServerClient::admit_by_management(std::uint32_t kid, std::string_view settings) {
  const auto open = open_keys_.extract(kid);
  if (open.empty()) return false;
  auto parsed = config::parse_client_config(settings, "client-auth");
  for (const auto& warning : parsed.warnings) spdlog::warn("{}: {}", label(), config::format(warning));
  if (!connected()) config_ = std::move(parsed.config);
  decide(open.mapped(), {PasswordVerifier::Verdict::right, {}});
  driver_.pump();
  return true;
}

bool ServerClient::deny_by_management(std::uint32_t kid, std::string_view reason,
                                      std::string_view client_reason) {
  const auto open = open_keys_.extract(kid);
  if (open.empty()) return false;
  spdlog::info("{}: MULTI: connection rejected: {}, CLI:{}", label(), crypto::sanitise_name(reason),
               client_reason.empty() ? "[NULL]" : crypto::sanitise_name(client_reason));
  const std::string told(proto::is_printable(client_reason) ? client_reason : "");
  decide(open.mapped(), {PasswordVerifier::Verdict::wrong, told});
  driver_.pump();
  return true;
}

bool ServerClient::put_off_by_management(std::uint32_t kid, std::string_view extra,
                                         std::chrono::seconds timeout) {
  const auto open = open_keys_.find(kid);
  if (open == open_keys_.end() || extra.size() > kLongestExtra || !proto::is_printable(extra)) return false;
  timeout = std::min(timeout, patience());
  const bool tells_time = peer_info_.has(proto::ProtoBit::auth_pending_keywords);
  proto::Session& session = driver_.session();
  const bool sent =
      session.send_message(
          tells_time ? fmt::format("AUTH_PENDING,timeout {}", timeout.count()) : "AUTH_PENDING", now()) &&
      session.send_message(fmt::format("INFO_PRE,{}", extra), now());
  session.extend_authentication(open->second, proto::Clock::now() + timeout);
  driver_.pump();
  return sent;
}

void ServerClient::notify_connection() {
  if (context_.notices == nullptr) return;
  using enum ClientNotices::AddressKind;
  if (context_.notices->decide()) {
    if (addresses_->ipv4) context_.notices->has_address(number_, addresses_->ipv4->format(), own);
    if (addresses_->ipv6) context_.notices->has_address(number_, addresses_->ipv6->address.format(), own);
    for (const tunio::Prefix& network : addresses_->networks)
      context_.notices->has_address(number_, network.network().format(), network_behind);
  }
  context_.notices->established(number_, environment());
}

void ServerClient::notify_leaving() {
  context_.notices->left(number_, environment_at_leaving());
}

}  // namespace vpnd::control
