// What a server's hooks have to do with a client, in the order of its life: its certificates, its admission,
// its addresses, its answers, its leaving.

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "vpnd/control/server_client.hpp"
#include "vpnd/control/server_hooks.hpp"
#include "vpnd/hooks/environment.hpp"

namespace vpnd::control {

namespace {

// So much longer than a hook may take waits the session for its word.
constexpr std::chrono::seconds kHookMargin{5};

void add_time(host::ScriptEnvironment& environment, std::int64_t moment) {
  environment.set("time_unix", std::to_string(moment));
  environment.set("time_ascii",
                  fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(moment))));
}

// ifconfig_pool_*: what the client was given, whether it is of the pool or not.
void add_assignment(host::ScriptEnvironment& environment, const Assignment& given,
                    const config::AddressOptions& own) {
  const bool subnet = own.topology == config::Topology::subnet;
  if (given.ipv4) {
    environment.set("ifconfig_pool_remote_ip", given.ipv4->format());
    environment.set(subnet ? "ifconfig_pool_netmask" : "ifconfig_pool_local_ip",
                    given.netmask_or_peer.format());
  }
  if (given.ipv6) {
    environment.set("ifconfig_pool_remote_ip6", given.ipv6->address.format());
    environment.set("ifconfig_pool_local_ip6", given.ipv6_gateway.format());
    environment.set("ifconfig_pool_ip6_netbits", std::to_string(given.ipv6->length));
  }
}

std::vector<tunio::Prefix> prefixes_of(const Assignment& given) {
  std::vector<tunio::Prefix> prefixes;
  if (given.ipv4) prefixes.push_back({*given.ipv4, given.ipv4->bits()});
  if (given.ipv6) prefixes.push_back({given.ipv6->address, given.ipv6->address.bits()});
  prefixes.insert(prefixes.end(), given.networks.begin(), given.networks.end());
  return prefixes;
}

}  // namespace

host::ScriptEnvironment ServerClient::environment() const {
  host::ScriptEnvironment environment = context_.hooks.base();
  for (const auto& [name, value] : peer_info_.environment()) environment.set_from_peer(name, value);
  hooks::add_certificates(environment, driver_.session().peer_chain(), context_.options);
  hooks::add_untrusted(environment, driver_.link().endpoint);
  if (!common_name_.empty()) environment.set("common_name", common_name_);
  if (!username_.empty()) environment.set("username", username_);
  token_.describe(environment);
  if (admitted_at_ == 0) return environment;
  hooks::add_trusted(environment, driver_.link().endpoint);
  add_time(environment, admitted_at_);
  if (addresses_) add_assignment(environment, *addresses_, context_.options.tunnel.addresses);
  return environment;
}

void ServerClient::handle(proto::CertificateRequest&& request) {
  auto answer = [client = weak_from_this(), key = request.key](const std::string& refusal) {
    const auto self = client.lock();
    if (!self || self->state_ == State::gone) return;
    if (refusal.empty()) {
      self->driver_.session().accept_certificate(key, now());
    } else {
      self->driver_.session().reject_certificate(key, refusal, now());
    }
    self->driver_.pump();
  };
  CertificateCheck* const check = context_.hooks.certificates();
  if (check == nullptr) return answer({});
  check->ask(std::move(request.certificate_chain), environment(), std::move(answer));
}

void ServerClient::ask_connect_hook(proto::KeyId key) {
  admitted_at_ = now().unix_seconds;
  ConnectHook* const hook = context_.hooks.connect();
  if (hook == nullptr) return learn_addresses(key);
  const auto patience = context_.options.tls.handshake_window;
  driver_.session().extend_authentication(key, proto::Clock::now() + patience + kHookMargin);
  connect_question_ =
      hook->ask(environment(), patience, [client = weak_from_this(), key](ConnectHook::Answer&& answer) {
        const auto self = client.lock();
        if (!self || self->state_ == State::gone) return;
        self->take_connect_answer(key, std::move(answer));
        self->driver_.pump();
      });
}

void ServerClient::take_connect_answer(proto::KeyId key, ConnectHook::Answer&& answer) {
  std::string refusal = std::move(answer.refusal);
  if (refusal.empty()) {
    welcomed_ = true;
    for (const auto& warning : answer.given.warnings) spdlog::warn("{}", config::format(warning));
    refusal = use_given(std::move(answer.given.config));
  }
  if (refusal.empty()) return learn_addresses(key);
  spdlog::warn("{}: refused: {}", label(), refusal);
  driver_.session().reject_peer(key, "", now());
}

// What the program gives adds to what the client has from client-config-dir. Empty, or why it cannot be.
std::string ServerClient::use_given(config::ClientConfig&& given) {
  const bool moves = given.address || given.address_ipv6 || !given.networks.empty();
  const bool chooses_cipher = given.ciphers.has_value();
  config::add(config_, std::move(given));
  if (config_.disabled) return "the client is disabled";
  apply_client_config();
  if (chooses_cipher) {
    if (std::string refusal = choose_cipher(); !refusal.empty()) return refusal;
  }
  if (!moves) return {};
  context_.addresses.release(*std::exchange(addresses_, std::nullopt), index_);
  auto [assignment, refusal] = context_.addresses.assign(common_name_, config_, index_);
  addresses_ = std::move(assignment);
  return refusal;
}

// One after the other; an address that is refused is not the client's, which gets in nevertheless.
void ServerClient::learn_addresses(proto::KeyId key) {
  LearnAddress* const hook = context_.hooks.addresses();
  if (hook == nullptr) return finish_admission(key);
  const auto prefixes = prefixes_of(*addresses_);
  unlearnt_ = prefixes.size();
  if (unlearnt_ == 0) return finish_admission(key);
  driver_.session().extend_authentication(
      key, proto::Clock::now() + context_.options.tls.handshake_window + kHookMargin);
  for (const tunio::Prefix& prefix : prefixes) {
    learnt_.push_back(prefix);
    hook->add(prefix, common_name_, environment(), [client = weak_from_this(), key, prefix](bool accepted) {
      const auto self = client.lock();
      if (!self || self->state_ == State::gone) return;
      if (!accepted) self->lose_address(prefix);
      if (--self->unlearnt_ == 0) self->finish_admission(key);
      self->driver_.pump();
    });
  }
}

void ServerClient::lose_address(const tunio::Prefix& prefix) {
  spdlog::warn("{}: {} is refused by learn-address: no packets from or to it", label(), prefix.format());
  std::erase(learnt_, prefix);
  context_.addresses.withhold(prefix, index_);
}

void ServerClient::finish_admission(proto::KeyId key) {
  state_ = State::admitted;
  driver_.session().accept_peer(key, now());
}

void ServerClient::take_challenge_response(std::string_view arguments) {
  host::ScriptEnvironment variables = environment();
  if (verification_) variables.set("auth_control_file", verification_->control_file());
  context_.hooks.challenge_answered(variables, arguments);
  if (context_.notices != nullptr && context_.notices->decide())
    context_.notices->answered_challenge(number_, last_kid_, arguments, environment());
}

// Of an address that a PUSH_UPDATE gave the client in the place of another.
void ServerClient::call_move_hooks(const tunio::IpAddress& from, const tunio::IpAddress& to) {
  LearnAddress* const hook = context_.hooks.addresses();
  if (hook == nullptr) return;
  const tunio::Prefix former{from, from.bits()}, present{to, to.bits()};
  if (std::erase(learnt_, former) > 0) hook->remove(former, environment());
  learnt_.push_back(present);
  hook->add(present, common_name_, environment(), [client = weak_from_this(), present](bool accepted) {
    const auto self = client.lock();
    if (self && self->state_ != State::gone && !accepted) self->lose_address(present);
  });
}

void ServerClient::call_leaving_hooks() {
  if (LearnAddress* const hook = context_.hooks.addresses()) {
    for (const tunio::Prefix& prefix : learnt_) hook->remove(prefix, environment());
    learnt_.clear();
  }
  if (!welcomed_ && state_ != State::connected) return;
  context_.hooks.client_left(environment_at_leaving());
}

host::ScriptEnvironment ServerClient::environment_at_leaving() const {
  host::ScriptEnvironment known = environment();
  const TrafficTotals passed = traffic();
  known.set("bytes_received", std::to_string(passed.bytes_received));
  known.set("bytes_sent", std::to_string(passed.bytes_sent));
  if (admitted_at_ > 0) known.set("time_duration", std::to_string(now().unix_seconds - admitted_at_));
  return known;
}

}  // namespace vpnd::control
