#include "vpnd/control/peer_hooks.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "vpnd/hooks/environment.hpp"

namespace vpnd::control {

void PeerHooks::ask_about(const tunio::Endpoint& peer, std::vector<crypto::CertificateFacts> chain,
                          const host::ScriptEnvironment& known, CertificateCheck::Decided decided) {
  if (!options_.scripts.tls_verify) return decided({});
  host::ScriptEnvironment environment = known;
  hooks::add_untrusted(environment, peer);
  certificates_.ask(std::move(chain), environment, std::move(decided));
}

void PeerHooks::peer_authenticated(const tunio::Endpoint& peer,
                                   std::span<const crypto::CertificateFacts> chain) {
  variables_ = {};
  hooks::add_untrusted(variables_, peer);
  hooks::add_certificates(variables_, chain, options_);
  tell_of_address(peer);
}

void PeerHooks::peer_moved(const tunio::Endpoint& peer) {
  tell_of_address(peer);
}

// OpenVPN gives address and port as one word, with its name of the address family in front.
void PeerHooks::tell_of_address(const tunio::Endpoint& peer) {
  hooks::add_trusted(variables_, peer);
  if (!options_.scripts.ip_change) return;
  const std::string_view family = peer.address().is_v4() ? "[AF_INET]" : "[AF_INET6]";
  hooks::HookCall call{hooks::Hook::ip_change,
                       *options_.scripts.ip_change,
                       {fmt::format("{}{} {}", family, peer.address().format(), peer.port())}};
  call.environment = hooks::process_environment(options_);
  for (const auto& [name, value] : variables_.variables()) call.environment.set(name, value);
  runner_.run(call, [](const hooks::HookResult& result) {
    if (!result.ok()) spdlog::warn("{}", result.failure);
  });
}

}  // namespace vpnd::control
