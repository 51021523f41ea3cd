#include "crypto/tls_settings.hpp"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <climits>
#include <cstring>

#include "crypto/openssl_error.hpp"
#include "crypto/signing_handshake.hpp"
#include "crypto/tls_cipher_names.hpp"
#include "crypto/x509_facts.hpp"

namespace vpnd::crypto {
namespace {

// Forward secrecy with a certificate, nothing else: what `tls-cipher` means when it is not given, as in
// OpenVPN.
constexpr const char* kDefaultCiphers = "DEFAULT:!EXP:!LOW:!MEDIUM:!kDH:!kECDH:!DSS:!PSK:!SRP:!kRSA";

int native_version(TlsVersion version) {
  switch (version) {
    case TlsVersion::v1_0:
      return TLS1_VERSION;
    case TlsVersion::v1_1:
      return TLS1_1_VERSION;
    case TlsVersion::v1_2:
      return TLS1_2_VERSION;
    case TlsVersion::v1_3:
      return TLS1_3_VERSION;
  }
  return TLS1_3_VERSION;
}

BioPtr reader(std::string_view setting, std::string_view text) {
  if (text.size() > INT_MAX) throw TlsError(setting, "too large");
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  must_succeed(bio != nullptr);
  return bio;
}

// What happened when OpenSSL asked for the key's password.
struct PasswordRequest {
  std::string_view password;
  bool asked = false;
};

int give_password(char* buffer, int size, int /*writing*/, void* request_pointer) {
  auto* const request = static_cast<PasswordRequest*>(request_pointer);
  request->asked = true;
  if (request->password.empty() || request->password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, request->password.data(), request->password.size());
  return static_cast<int>(request->password.size());
}

KeyPtr read_key(const SecretString& pem, PasswordRequest& request) {
  const BioPtr bio = reader("key", pem.expose());
  return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, &request));
}

void set_versions(SSL_CTX* context, const TlsSettings& settings) {
  if (settings.version_max && *settings.version_max < settings.version_min) {
    throw TlsError("tls-version-max", "is below tls-version-min");
  }
  const int max =
      settings.version_max ? native_version(*settings.version_max) : 0;  // 0: the highest there is
  if (SSL_CTX_set_min_proto_version(context, native_version(settings.version_min)) != 1 ||
      SSL_CTX_set_max_proto_version(context, max) != 1) {
    throw_tls_error("tls-version-min", "OpenSSL does not offer this range of versions");
  }
}

void set_profile(SSL_CTX* context, TlsCertProfile profile) {
  switch (profile) {
    case TlsCertProfile::insecure:
      return SSL_CTX_set_security_level(context, 0);
    case TlsCertProfile::legacy:
      return SSL_CTX_set_security_level(context, 1);
    case TlsCertProfile::preferred:
      return SSL_CTX_set_security_level(context, 2);
    case TlsCertProfile::suiteb:
      return SSL_CTX_set_security_level(context, 3);
  }
}

void warn_of_unknown(std::string_view setting, const TranslatedNames& names,
                     std::vector<std::string>& warnings) {
  for (const std::string& name : names.unknown) {
    warnings.push_back(fmt::format("{}: '{}' is not known to this OpenSSL and is left out", setting, name));
  }
}

void set_ciphers(SSL_CTX* context, const TlsSettings& settings, std::vector<std::string>& warnings) {
  std::string ciphers = settings.cert_profile == TlsCertProfile::suiteb ? "SUITEB128" : kDefaultCiphers;
  if (!settings.cipher.empty()) {
    const TranslatedNames names = translate_ciphers(settings.cipher);
    warn_of_unknown("tls-cipher", names, warnings);
    if (names.openssl_names.empty()) throw TlsError("tls-cipher", "no cipher of the list is known");
    ciphers = names.openssl_names;
  }
  if (SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1)
    throw_tls_error("tls-cipher", "no cipher of the list can be used");

  if (settings.ciphersuites.empty()) return;
  const TranslatedNames suites = translate_ciphersuites(settings.ciphersuites);
  warn_of_unknown("tls-ciphersuites", suites, warnings);
  if (suites.openssl_names.empty() || SSL_CTX_set_ciphersuites(context, suites.openssl_names.c_str()) != 1) {
    throw TlsError("tls-ciphersuites", "no cipher suite of the list is known");
  }
}

void set_groups(SSL_CTX* context, const TlsSettings& settings, std::vector<std::string>& warnings) {
  if (settings.groups.empty()) return;
  const TranslatedNames groups = translate_groups(context, settings.groups);
  warn_of_unknown("tls-groups", groups, warnings);
  if (groups.openssl_names.empty() || SSL_CTX_set1_groups_list(context, groups.openssl_names.c_str()) != 1) {
    drop_openssl_errors();
    throw TlsError("tls-groups", "no group of the list is known");
  }
}

void set_dh(SSL_CTX* context, const TlsSettings& settings) {
  if (settings.role == Role::client) return;
  if (settings.dh.empty()) {
    SSL_CTX_set_dh_auto(context, 1);
    return;
  }
  const BioPtr bio = reader("dh", settings.dh);
  KeyPtr parameters(PEM_read_bio_Parameters(bio.get(), nullptr));
  if (!parameters) throw_tls_error("dh", "not PEM Diffie-Hellman parameters");
  if (SSL_CTX_set0_tmp_dh_pkey(context, parameters.get()) != 1)
    throw_tls_error("dh", "the parameters cannot be used");
  (void)parameters.release();  // now the context's
}

void add_chain(SSL_CTX* context, std::string_view setting, std::vector<CertificatePtr>&& chain) {
  for (CertificatePtr& certificate : chain) {
    if (SSL_CTX_add0_chain_cert(context, certificate.get()) != 1)
      throw_tls_error(setting, "cannot be sent along");
    (void)certificate.release();  // now the context's
  }
}

void set_certificate(SSL_CTX* context, std::string_view pem, std::vector<Lifetime>& lifetimes) {
  auto [ok, certificates] = read_certificates(pem);
  if (!ok) throw_tls_error("cert", "not a PEM certificate");
  add_lifetimes("cert", certificates, lifetimes);
  if (SSL_CTX_use_certificate(context, certificates.front().get()) != 1)
    throw_tls_error("cert", "cannot be used");
  certificates.erase(certificates.begin());
  add_chain(context, "cert", std::move(certificates));
}

void add_extra_certificates(SSL_CTX* context, std::string_view pem) {
  if (pem.empty()) return;
  auto extra = read_certificates(pem);
  if (!extra.ok) throw_tls_error("extra-certs", "not PEM certificates");
  add_chain(context, "extra-certs", std::move(extra.objects));
}

// Without the bare operation there is no PSS: no TLS 1.3, and of TLS 1.2 the older signatures.
void leave_out_pss(SSL_CTX* context) {
  if (SSL_CTX_get_min_proto_version(context) == TLS1_3_VERSION)
    throw TlsError("management-external-key", "TLS 1.3 with an RSA key needs nopadding");
  const long max = SSL_CTX_get_max_proto_version(context);
  const bool done =
      (max != 0 && max <= TLS1_2_VERSION) || SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1;
  must_succeed(done && SSL_CTX_set1_client_sigalgs_list(context, "RSA+SHA256:RSA+SHA384:RSA+SHA512") == 1);
}

void set_identity(SSL_CTX* context, const TlsSettings& settings, std::vector<Lifetime>& lifetimes) {
  if (settings.external_key) return;
  if (settings.cert.empty() && settings.key.empty()) {
    if (settings.role == Role::server) throw TlsError("cert", "a server needs one");
    return;
  }
  if (settings.cert.empty()) throw TlsError("cert", "there is a key but no certificate");
  if (settings.key.empty()) throw TlsError("key", "there is a certificate but no key");

  set_certificate(context, settings.cert, lifetimes);
  PasswordRequest request{.password = settings.key_password.expose()};
  const KeyPtr key = read_key(settings.key, request);
  if (!key && request.asked)
    throw_tls_error("key", request.password.empty() ? "a password is needed" : "wrong password");
  if (!key) throw_tls_error("key", "not a PEM private key");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    throw_tls_error("key", "does not belong to the certificate");
  add_extra_certificates(context, settings.extra_certs);
}

}  // namespace

TlsError::TlsError(std::string_view setting, std::string_view cause)
    : std::runtime_error(fmt::format("{}: {}", setting, cause)), setting_(setting) {}

void throw_tls_error(std::string_view setting, std::string_view what) {
  throw TlsError(setting, fmt::format("{} ({})", what, take_openssl_errors()));
}

std::optional<TlsVersion> tls_version_from_name(std::string_view name) noexcept {
  if (name == "1.0") return TlsVersion::v1_0;
  if (name == "1.1") return TlsVersion::v1_1;
  if (name == "1.2") return TlsVersion::v1_2;
  if (name == "1.3") return TlsVersion::v1_3;
  return std::nullopt;
}

bool needs_password(const SecretString& pem_key) {
  PasswordRequest request;
  const KeyPtr key = read_key(pem_key, request);
  drop_openssl_errors();
  return key == nullptr && request.asked;
}

void add_lifetimes(std::string_view setting, const std::vector<CertificatePtr>& certificates,
                   std::vector<Lifetime>& lifetimes) {
  for (const CertificatePtr& certificate : certificates) {
    lifetimes.push_back({.setting = std::string(setting),
                         .subject = name_text(X509_get_subject_name(certificate.get())),
                         .not_after = to_time_point(X509_get0_notAfter(certificate.get()))});
  }
}

void apply_suites(SSL_CTX* context, const TlsSettings& settings, std::vector<std::string>& warnings) {
  // The level also judges what is loaded after it, and a cipher string may change it with "@SECLEVEL=".
  set_profile(context, settings.cert_profile);
  set_ciphers(context, settings, warnings);
}

void apply_settings(SSL_CTX* context, const TlsSettings& settings, std::vector<std::string>& warnings,
                    std::vector<Lifetime>& lifetimes) {
  // Each rekey is a handshake of its own: nothing is resumed, nothing renegotiated.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_SINGLE_DH_USE | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);

  set_versions(context, settings);
  apply_suites(context, settings, warnings);
  set_groups(context, settings, warnings);
  set_dh(context, settings);
  set_identity(context, settings, lifetimes);
}

void apply_external_key(SSL_CTX* context, std::string_view cert, std::string_view extra_certs,
                        RsaSchemes schemes, std::vector<Lifetime>& lifetimes) {
  set_certificate(context, cert, lifetimes);
  add_extra_certificates(context, extra_certs);
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  const KeyPtr key = make_external_key(certificate);
  if (!key) throw TlsError("cert", "its key is neither RSA nor EC, and no other can be asked for");
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA && schemes == RsaSchemes::pkcs1) leave_out_pss(context);
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) throw_tls_error("cert", "its key cannot be used");
}

}  // namespace vpnd::crypto
