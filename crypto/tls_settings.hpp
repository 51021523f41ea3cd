// Turns TlsSettings into OpenSSL's terms, one setting after the other, for use inside crypto.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>
#include <vector>

#include "crypto/openssl_ptr.hpp"
#include "crypto/tls.hpp"

namespace vpnd::crypto {

// Throws a TlsError that ends with what OpenSSL has to say.
[[noreturn]] void throw_tls_error(std::string_view setting, std::string_view what);

// Everything but the trust in the peer: versions, ciphers, groups, our own certificate and key.
void apply_settings(SSL_CTX* context, const TlsSettings& settings, std::vector<std::string>& warnings,
                    std::vector<Lifetime>& lifetimes);

// Our certificate with those that follow it, and a key whose signatures come from elsewhere.
void apply_external_key(SSL_CTX* context, std::string_view cert, std::string_view extra_certs,
                        RsaSchemes schemes, std::vector<Lifetime>& lifetimes);

// Of that, the suites alone: `cipher`, `ciphersuites` and the profile.
void apply_suites(SSL_CTX* context, const TlsSettings& settings, std::vector<std::string>& warnings);

void add_lifetimes(std::string_view setting, const std::vector<CertificatePtr>& certificates,
                   std::vector<Lifetime>& lifetimes);

}  // namespace vpnd::crypto
