// Reading OpenSSL's certificate objects, for use inside crypto.
#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/tls.hpp"

namespace vpnd::crypto {

// `fields` name what common_name is made of, see NameFields; empty: the CN.
[[nodiscard]] CertificateFacts describe(X509* certificate, const NameFields& fields = {});
// In UTF-8, sanitised; empty if it cannot be read.
[[nodiscard]] std::string text_of(const ASN1_STRING* value);
// OpenVPN's form, sanitised: "C=KG, O=Example, CN=client-1".
[[nodiscard]] std::string name_text(const X509_NAME* name);
// The epoch if the time cannot be read: a certificate like that counts as ended.
[[nodiscard]] std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time) noexcept;

// Every certificate or list in a PEM text, in order. `ok` is false if a block is damaged or there is none at
// all; then OpenSSL's error queue says why.
template <typename Pointer>
struct PemObjects {
  bool ok = false;
  std::vector<Pointer> objects{};
};
[[nodiscard]] PemObjects<CertificatePtr> read_certificates(std::string_view pem);
[[nodiscard]] PemObjects<CrlPtr> read_crls(std::string_view pem);

}  // namespace vpnd::crypto
