// What hooks know of the one peer of a client, or of one of two ends, and the hook that tells of its address.

#pragma once

#include <span>
#include <vector>

#include "crypto/certificate.hpp"
#include "tunio/endpoint.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/certificate_check.hpp"
#include "vpnd/hooks/hook_runner.hpp"

namespace vpnd::control {

/// Belongs to the control thread. `options` and `runner` outlive it.
class PeerHooks {
 public:
  PeerHooks(const config::Options& options, hooks::HookRunner& runner)
      : options_(options), runner_(runner), certificates_(options, runner) {}

  /// Asks `tls-verify`, if there is one, on top of what is known of the tunnel.
  void ask_about(const tunio::Endpoint& peer, std::vector<crypto::CertificateFacts> chain,
                 const host::ScriptEnvironment& known, CertificateCheck::Decided decided);
  /// The peer has shown its certificates and is at this address: calls `ipchange`.
  void peer_authenticated(const tunio::Endpoint& peer, std::span<const crypto::CertificateFacts> chain);
  /// It sends from another address now: calls `ipchange`.
  void peer_moved(const tunio::Endpoint& peer);
  /// What was learnt of it.
  const host::ScriptEnvironment& variables() const noexcept { return variables_; }

 private:
  void tell_of_address(const tunio::Endpoint& peer);

  const config::Options& options_;
  hooks::HookRunner& runner_;
  CertificateCheck certificates_;
  host::ScriptEnvironment variables_;
};

}  // namespace vpnd::control
