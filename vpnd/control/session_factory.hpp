// What the sessions of a server are made from: certificates, the wrapping of the control channel, timers.

#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "crypto/tls.hpp"
#include "proto/cipher_negotiation.hpp"
#include "proto/first_contact.hpp"
#include "proto/session.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/expiry_watch.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/dataplane/messages.hpp"

namespace vpnd::control {

/// All but the wrapping may be exchanged while sessions run. Belongs to the control thread.
class SessionFactory {
 public:
  /// Throws config::ConfigError for key material that cannot be used. `options` outlives it.
  explicit SessionFactory(const config::Options& options);

  /// For whoever meets strangers. Once.
  ServerWrap take_wrap() { return std::move(wrap_); }
  /// Best first; the same object for ever.
  const proto::CipherList& ciphers() const noexcept { return ciphers_; }

  /// Our side of a session that begins with this contact.
  std::unique_ptr<proto::Session> make(const proto::NewSession& contact, const dataplane::Link& from);

  /// Every second: looks after a revocation list that was replaced on disk, and warns of certificates that
  /// come to their end.
  void tick();

  /// As Instance::prepare_reload(). Sessions that there are renew their keys with the new certificates, too.
  std::function<void()> prepare_reload(const config::Options& fresh);

 private:
  void refresh_crl();
  void tell_of_certificates();

  const config::Options& options_;
  const std::shared_ptr<crypto::TlsContext> tls_;  // one object, which sessions share; its content changes
  std::filesystem::file_time_type crl_time_{};     // of the revocation list in force
  ExpiryWatch expiry_;
  proto::CipherList ciphers_;
  ServerWrap wrap_;
  std::optional<crypto::KeyMaterial> wrap_key_;  // the static key of tls-auth or tls-crypt
};

}  // namespace vpnd::control
