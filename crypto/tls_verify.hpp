// Whom we believe: the decision about the peer's certificate chain, as one callback for OpenSSL.
// docs/protocol.md §5
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>
#include <vector>

#include "crypto/tls.hpp"

namespace vpnd::crypto {

struct PeerPolicy {
  bool has_ca = false;  // without one, the fingerprints alone decide
  RemoteCertTls remote_cert_tls = RemoteCertTls::unchecked;
  std::optional<VerifyX509Name> name;
  std::vector<Fingerprint> fingerprints;
  std::optional<std::vector<unsigned>> key_usages;
  std::string extended_key_usage;
  std::vector<IssuerHash> issuer_hashes;
  NameFields name_fields;
  std::string revoked_serials_directory;
};

// For SSL_CTX_set_cert_verify_callback; `policy` is a const PeerPolicy* that outlives the SSL_CTX.
int verify_peer(X509_STORE_CTX* store, void* policy);

// Where verify_peer writes its reason when it refuses: a string of the session's, at a stable address.
void set_verify_failure_sink(SSL* ssl, std::string* sink) noexcept;

}  // namespace vpnd::crypto
