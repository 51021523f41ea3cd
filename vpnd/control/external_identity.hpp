// A client's certificate and private key where they are not in its configuration: management clients sign for
// it (management-external-key), and may have the certificate, too (management-external-cert).

#pragma once

#include <functional>
#include <string>

#include "crypto/tls.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/management/interface.hpp"

namespace vpnd::control {

/// Belongs to the control thread. What it refers to outlives it, but for the context's sessions, which it
/// outlives.
class ExternalIdentity final : public crypto::KeyKeeper {
 public:
  /// `answered` is called when a signature has come, or will not come; from a command. Throws
  /// config::ConfigError for a certificate of the configuration that cannot be used.
  ExternalIdentity(const config::Options& options, crypto::TlsContext& tls, management::Interface& management,
                   std::function<void()> answered);
  ~ExternalIdentity() override;
  ExternalIdentity(const ExternalIdentity&) = delete;
  ExternalIdentity& operator=(const ExternalIdentity&) = delete;

  bool lacks_certificate() const noexcept { return !has_certificate_; }
  /// Takes one that a management client has given; false, with a word in the log, if it cannot be used.
  bool take_certificate(const std::string& pem);

  void sign(crypto::SignatureRequest request, Done done) override;

 private:
  const config::ManagementOptions& options_;
  crypto::TlsContext& tls_;
  management::Interface& management_;
  const std::function<void()> answered_;
  bool has_certificate_ = false;
};

}  // namespace vpnd::control
