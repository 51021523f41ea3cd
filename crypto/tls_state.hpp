// What stands behind TlsContext, for use inside crypto.
#pragma once

#include <string>
#include <vector>

#include "crypto/external_key.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/tls.hpp"
#include "crypto/tls_verify.hpp"

namespace vpnd::crypto {

// Sessions share it: OpenSSL's verification callback reads the policy by address.
struct TlsContextState {
  Role role = Role::client;
  PeerPolicy policy;
  bool keep_certificates = false;
  SslContextPtr ssl;
  KeyKeeper* keeper = nullptr;  // of our private key, where it is not here
  std::string extra_certs;      // that go with its certificate
  std::string ca_directory;
  std::vector<CertificatePtr> ca;  // kept to build a new store when the revocation lists change
  std::vector<std::string> setting_warnings;
  std::vector<std::string>
      warnings;  // those of the settings, then what is true of lists and lifetimes by now
  std::vector<Lifetime> lifetimes;
};

}  // namespace vpnd::crypto
