#include "vpnd/hooks/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <set>
#include <string>

#include "crypto/certificate_fields.hpp"

namespace vpnd::hooks {

namespace {

// "udp", "udp4", "tcp-client", "tcp6-server"
std::string protocol_name(const config::Protocol& protocol, std::string_view end) {
  const bool tcp = protocol.transport == config::Transport::tcp;
  std::string_view family;
  switch (protocol.family) {
    case config::AddressFamily::any:
      break;
    case config::AddressFamily::ipv4:
      family = "4";
      break;
    case config::AddressFamily::ipv6:
      family = "6";
      break;
  }
  return fmt::format("{}{}{}", tcp ? "tcp" : "udp", family, tcp ? end : "");
}

void add_listeners(host::ScriptEnvironment& environment, const std::vector<config::Listener>& listeners) {
  int n = 0;
  for (const config::Listener& listener : listeners) {
    const std::string number = std::to_string(++n);
    const std::string port = std::to_string(listener.port);
    environment.set("proto_" + number, protocol_name(listener.protocol, "-server"));
    if (!listener.host.empty()) environment.set("local_" + number, listener.host);
    environment.set("local_port_" + number, port);
    environment.set("remote_port_" + number, port);  // `port` sets both in OpenVPN
  }
}

void add_remotes(host::ScriptEnvironment& environment, const std::vector<config::Remote>& remotes) {
  int n = 0;
  for (const config::Remote& remote : remotes) {
    const std::string number = std::to_string(++n);
    environment.set("proto_" + number, protocol_name(remote.protocol, "-client"));
    environment.set("remote_" + number, remote.host);
    environment.set("remote_port_" + number, std::to_string(remote.port));
    if (!remote.link.local.host.empty()) environment.set("local_" + number, remote.link.local.host);
    if (remote.link.local.bind)
      environment.set("local_port_" + number, std::to_string(remote.link.local.port));
  }
}

std::string start_time() {
  static const std::time_t kStarted = std::time(nullptr);
  return std::to_string(kStarted);
}

// A field that occurs again gets _1, _2, … behind its name.
void add_field(host::ScriptEnvironment& environment, std::set<std::string>& taken, const std::string& name,
               const std::string& value) {
  std::string free_name = name;
  for (int n = 1; !taken.insert(free_name).second; ++n) free_name = fmt::format("{}_{}", name, n);
  environment.set(free_name, value);
}

void add_subject(host::ScriptEnvironment& environment, const crypto::CertificateFacts& facts,
                 std::size_t depth, const std::vector<config::TrackedField>& tracked) {
  std::set<std::string> taken;
  const auto add = [&](const std::string& field, const std::string& value) {
    add_field(environment, taken, fmt::format("X509_{}_{}", depth, field), value);
  };
  if (tracked.empty()) {
    for (const auto& [field, value] : crypto::subject_fields(facts.der)) add(field, value);
    return;
  }
  for (const config::TrackedField& field : tracked) {
    if (depth > 0 && !field.whole_chain) continue;
    if (const auto value = crypto::tracked_field(facts.der, field.name)) add(field.name, *value);
  }
}

void add_endpoint(host::ScriptEnvironment& environment, std::string_view prefix,
                  const tunio::Endpoint& peer) {
  const bool v4 = peer.address().is_v4();
  environment.set(fmt::format("{}_ip{}", prefix, v4 ? "" : "6"), peer.address().format());
  environment.set(fmt::format("{}_port", prefix), std::to_string(peer.port()));
}

}  // namespace

host::ScriptEnvironment process_environment(const config::Options& options) {
  host::ScriptEnvironment environment;
  for (const auto& [name, value] : options.scripts.environment) environment.set(name, value);
  environment.set("config", options.process.config_file.string());
  environment.set("verb", std::to_string(options.log.verbosity));
  environment.set("daemon", options.process.daemon_name ? "1" : "0");
  environment.set("daemon_log_redirect", options.log.file.empty() ? "0" : "1");
  environment.set("daemon_pid", std::to_string(::getpid()));
  environment.set("daemon_start_time", start_time());
  if (options.mode == config::Mode::server) {
    add_listeners(environment, options.server.listeners);
  } else {
    add_remotes(environment, options.client.remotes);
  }
  return environment;
}

void add_certificates(host::ScriptEnvironment& environment, std::span<const crypto::CertificateFacts> chain,
                      const config::Options& options, std::size_t from_depth) {
  for (std::size_t depth = from_depth; depth < chain.size(); ++depth) {
    const crypto::CertificateFacts& facts = chain[depth];
    environment.set(fmt::format("tls_id_{}", depth), facts.subject);
    environment.set(fmt::format("tls_serial_{}", depth), facts.serial_decimal);
    environment.set(fmt::format("tls_serial_hex_{}", depth), facts.serial_hex);
    environment.set(fmt::format("tls_digest_{}", depth), crypto::sha1_digest(facts.der));
    environment.set(fmt::format("tls_digest_sha256_{}", depth), crypto::sha256_digest(facts.der));
    add_subject(environment, facts, depth, options.tls.tracked_fields);
    if (depth == 0) environment.set("common_name", facts.common_name);
  }
}

void add_trusted(host::ScriptEnvironment& environment, const tunio::Endpoint& peer) {
  add_endpoint(environment, "trusted", peer);
}

void add_untrusted(host::ScriptEnvironment& environment, const tunio::Endpoint& peer) {
  add_endpoint(environment, "untrusted", peer);
}

}  // namespace vpnd::hooks
