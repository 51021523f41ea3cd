#include <fmt/format.h>

#include <algorithm>

#include "crypto/openssl_error.hpp"
#include "crypto/tls.hpp"
#include "crypto/tls_settings.hpp"
#include "crypto/tls_state.hpp"
#include "crypto/x509_facts.hpp"

namespace vpnd::crypto {
namespace {

using SystemTime = std::chrono::system_clock::time_point;

constexpr std::int64_t kExpiryWarningDays = 30;
constexpr int kMaxChainDepth = 16;

int verify_mode(const TlsSettings& settings) {
  if (settings.role == Role::client) return SSL_VERIFY_PEER;
  switch (settings.verify_client_cert) {
    case VerifyClientCert::none:
      return SSL_VERIFY_NONE;
    case VerifyClientCert::optional:
      return SSL_VERIFY_PEER;
    case VerifyClientCert::require:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

void send_ca_names(SSL_CTX* context, const std::vector<CertificatePtr>& ca) {
  for (const CertificatePtr& certificate : ca) {
    must_succeed(SSL_CTX_add_client_CA(context, certificate.get()) == 1);
  }
}

// Names that OpenSSL does not know would match nothing: better said now (CVE-2026-63650 was such an option).
void check_names(const TlsSettings& settings) {
  for (const std::string& field : settings.name_fields) {
    const bool extension = field.starts_with("ext:");
    const int nid = OBJ_txt2nid(field.c_str() + (extension ? 4 : 0));
    const bool known =
        extension ? nid == NID_subject_alt_name || nid == NID_issuer_alt_name : nid != NID_undef;
    if (!known)
      throw_tls_error("x509-username-field", fmt::format("'{}' is no field that OpenSSL knows", field));
  }
  if (settings.extended_key_usage.empty()) return;
  const ObjectPtr object(OBJ_txt2obj(settings.extended_key_usage.c_str(), 0));
  if (!object) {
    throw_tls_error("remote-cert-eku",
                    fmt::format("'{}' is no usage that OpenSSL knows", settings.extended_key_usage));
  }
}

// Certificates and lists of a directory are looked for when they are needed.
void add_directory(X509_STORE* store, const std::string& directory) {
  if (X509_STORE_load_path(store, directory.c_str()) != 1) throw_tls_error("capath", "cannot be used");
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

StorePtr make_store(const std::vector<CertificatePtr>& ca, const std::vector<CrlPtr>& crls) {
  StorePtr store(X509_STORE_new());
  must_succeed(store != nullptr);
  for (const CertificatePtr& certificate : ca) {
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) throw_tls_error("ca", "cannot be used");
  }
  for (const CrlPtr& crl : crls) {
    if (X509_STORE_add_crl(store.get(), crl.get()) != 1) throw_tls_error("crl-verify", "cannot be used");
  }
  // The whole chain, not just the leaf: a revoked intermediate takes its clients with it.
  if (!crls.empty()) X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return store;
}

std::vector<CrlPtr> read_crl_setting(std::string_view pem) {
  auto [ok, crls] = read_crls(pem);
  if (!ok) throw_tls_error("crl-verify", "not a PEM revocation list");
  return std::move(crls);
}

// Says of each CA whether a revocation list covers it: one that does not would let revoked certificates pass
// unseen.
void warn_of_missing_lists(const std::vector<CertificatePtr>& ca, const std::vector<CrlPtr>& crls,
                           std::vector<std::string>& warnings) {
  for (const CertificatePtr& certificate : ca) {
    const X509_NAME* const subject = X509_get_subject_name(certificate.get());
    const bool covered = std::ranges::any_of(crls, [subject](const CrlPtr& crl) {
      return X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), subject) == 0;
    });
    if (!covered) {
      warnings.push_back(fmt::format("crl-verify: no revocation list of {}: what it issued is not checked",
                                     name_text(subject)));
    }
  }
}

void warn_of_expiry(const std::vector<Lifetime>& lifetimes, std::vector<std::string>& warnings) {
  const SystemTime now = std::chrono::system_clock::now();
  for (const Lifetime& lifetime : lifetimes) {
    if (lifetime.days_left(now) < kExpiryWarningDays) warnings.push_back(lifetime.describe(now));
  }
}

// Whether there will be a peer certificate to judge at all.
bool expects_certificate(const TlsSettings& settings) {
  return settings.role == Role::client || settings.verify_client_cert != VerifyClientCert::none;
}

std::vector<CertificatePtr> read_ca(const TlsSettings& settings) {
  if (settings.ca.empty()) {
    if (settings.ca_directory.empty() && expects_certificate(settings) &&
        settings.peer_fingerprints.empty()) {
      throw TlsError("ca", "without it (or peer-fingerprint) the peer cannot be verified");
    }
    return {};
  }
  auto [ok, certificates] = read_certificates(settings.ca);
  if (!ok) throw_tls_error("ca", "not a PEM certificate");
  return std::move(certificates);
}

// Hands the context a new store; a handshake under way goes on with whichever it finds when it comes to
// verify.
void install_lists(TlsContextState& state, const std::vector<CrlPtr>& crls) {
  StorePtr store = make_store(state.ca, crls);
  if (!state.ca_directory.empty()) add_directory(store.get(), state.ca_directory);
  SSL_CTX_set_cert_store(state.ssl.get(), store.release());
  std::erase_if(state.lifetimes, [](const Lifetime& lifetime) { return lifetime.setting == "crl-verify"; });
  for (const CrlPtr& crl : crls) {
    state.lifetimes.push_back({.setting = "crl-verify",
                               .subject = name_text(X509_CRL_get_issuer(crl.get())),
                               .not_after = to_time_point(X509_CRL_get0_nextUpdate(crl.get()))});
  }
  state.warnings = state.setting_warnings;
  if (!crls.empty()) warn_of_missing_lists(state.ca, crls, state.warnings);
  warn_of_expiry(state.lifetimes, state.warnings);
}

}  // namespace

std::int64_t Lifetime::days_left(SystemTime now) const noexcept {
  return std::chrono::floor<std::chrono::days>(not_after - now).count();
}

std::string Lifetime::describe(SystemTime now) const {
  const std::int64_t days = days_left(now);
  if (days < 0) return fmt::format("{}: {} has expired {} days ago", setting, subject, -days);
  return fmt::format("{}: {} expires in {} days", setting, subject, days);
}

TlsContext::TlsContext(const TlsSettings& settings) : state_(std::make_shared<TlsContextState>()) {
  drop_openssl_errors();
  state_->role = settings.role;
  state_->ca_directory = settings.ca_directory;
  state_->keep_certificates = settings.keep_certificates;
  if (settings.external_key) state_->extra_certs = settings.extra_certs;
  state_->policy = {.has_ca = !settings.ca.empty() || !settings.ca_directory.empty(),
                    .remote_cert_tls = settings.remote_cert_tls,
                    .name = settings.verify_x509_name,
                    .fingerprints = settings.peer_fingerprints,
                    .key_usages = settings.key_usages,
                    .extended_key_usage = settings.extended_key_usage,
                    .issuer_hashes = settings.issuer_hashes,
                    .name_fields = settings.name_fields,
                    .revoked_serials_directory = settings.revoked_serials_directory};
  check_names(settings);
  state_->ssl.reset(SSL_CTX_new(settings.role == Role::client ? TLS_client_method() : TLS_server_method()));
  SSL_CTX* const context = state_->ssl.get();
  if (context == nullptr) throw_tls_error("tls", "OpenSSL is not usable");

  apply_settings(context, settings, state_->setting_warnings, state_->lifetimes);
  state_->ca = read_ca(settings);
  add_lifetimes("ca", state_->ca, state_->lifetimes);
  if (settings.role == Role::server) send_ca_names(context, state_->ca);
  SSL_CTX_set_verify(context, verify_mode(settings), nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChainDepth);
  SSL_CTX_set_cert_verify_callback(context, verify_peer, &state_->policy);

  if (!settings.crl.empty() && !state_->policy.has_ca) throw TlsError("crl-verify", "has no use without ca");
  install_lists(*state_, settings.crl.empty() ? std::vector<CrlPtr>() : read_crl_setting(settings.crl));
}

TlsContext::~TlsContext() = default;
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;

void TlsContext::reload_crl(std::string_view pem) {
  if (!state_->policy.has_ca) throw TlsError("crl-verify", "has no use without ca");
  install_lists(*state_, read_crl_setting(pem));
}

void TlsContext::use_external_key(std::string_view cert, KeyKeeper& keeper, RsaSchemes schemes) {
  drop_openssl_errors();
  apply_external_key(state_->ssl.get(), cert, state_->extra_certs, schemes, state_->lifetimes);
  state_->keeper = &keeper;
}

const std::vector<std::string>& TlsContext::warnings() const noexcept {
  return state_->warnings;
}

const std::vector<Lifetime>& TlsContext::lifetimes() const noexcept {
  return state_->lifetimes;
}

}  // namespace vpnd::crypto
