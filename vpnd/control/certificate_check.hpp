// `tls-verify`: asks a program about each certificate of a peer, once TLS has found nothing wrong with them
// and before anything is told to the peer; `tls-export-cert` hands it the certificate as a file.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crypto/certificate.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/hooks/hook_runner.hpp"

namespace vpnd::control {

/// Belongs to the control thread. `options` and `runner` outlive it; a program is configured.
class CertificateCheck {
 public:
  /// Empty: the peer may go on. Else why not, for the log.
  using Decided = std::function<void(const std::string& refusal)>;

  CertificateCheck(const config::Options& options, hooks::HookRunner& runner)
      : options_(options), runner_(runner) {}

  /// From the root down to the peer's own, which the chain begins with; the first refusal ends it. `decided`
  /// is called once, later, or at once where there is nothing to ask about.
  void ask(std::vector<crypto::CertificateFacts> chain, const host::ScriptEnvironment& environment,
           Decided decided);

 private:
  struct Question;
  void ask_about(const std::shared_ptr<Question>& question, std::size_t depth);

  const config::Options& options_;
  hooks::HookRunner& runner_;
};

}  // namespace vpnd::control
