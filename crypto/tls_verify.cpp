// The order is OpenVPN's: first the chain (signatures, validity, revocation), then the leaf's name,
// fingerprint, key usage and the name wanted. Without a CA there is no chain to check, and the fingerprint is
// what is trusted.

#include "crypto/tls_verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "crypto/mac.hpp"
#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/x509_facts.hpp"

namespace vpnd::crypto {
namespace {

int sink_index() noexcept {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

// A missing list is tolerated, as in OpenVPN: with several CAs not each must have one. TlsContext warns about
// it once.
int tolerate_missing_crl(int ok, X509_STORE_CTX* store) {
  if (ok == 1 || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNABLE_TO_GET_CRL) return ok;
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

std::string_view advice_for(int error) {
  switch (error) {
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return "; make a new revocation list and give it to `crl-verify`";
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "; is the clock right?";
    case X509_V_ERR_INVALID_PURPOSE:
      return "; its extended key usage is not for this end";
    default:
      return "";
  }
}

std::string chain_failure(X509_STORE_CTX* store) {
  const int error = X509_STORE_CTX_get_error(store);
  X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  const std::string subject =
      certificate != nullptr ? name_text(X509_get_subject_name(certificate)) : "no certificate";
  return fmt::format("certificate verification failed at depth {} ({}): {}{}",
                     X509_STORE_CTX_get_error_depth(store), subject, X509_verify_cert_error_string(error),
                     advice_for(error));
}

bool has_extended_key_usage(X509* certificate, int nid) {
  const ExtendedKeyUsagePtr usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)));
  if (!usages) return false;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    if (OBJ_obj2nid(sk_ASN1_OBJECT_value(usages.get(), i)) == nid) return true;
  }
  return false;
}

// Empty if the certificate is meant for that end.
std::string usage_failure(X509* leaf, RemoteCertTls wanted) {
  if (wanted == RemoteCertTls::unchecked) return {};
  // Any key usage will do, as in OpenVPN since 2.5: what matters is that the issuer thought about it.
  if (X509_get_ext_by_NID(leaf, NID_key_usage, -1) < 0) return "it has no key usage extension";
  const bool want_server = wanted == RemoteCertTls::server;
  if (has_extended_key_usage(leaf, want_server ? NID_server_auth : NID_client_auth)) return {};
  return fmt::format("its extended key usage does not include TLS Web {} Authentication",
                     want_server ? "Server" : "Client");
}

// `remote-cert-ku`: all bits of one of the values.
std::string key_usage_failure(X509* leaf, const std::optional<std::vector<unsigned>>& wanted) {
  if (!wanted) return {};
  if (X509_get_ext_by_NID(leaf, NID_key_usage, -1) < 0) return "it has no key usage extension";
  const std::uint32_t has = X509_get_key_usage(leaf);
  const bool fits =
      wanted->empty() || std::ranges::any_of(*wanted, [has](unsigned bits) { return (has & bits) == bits; });
  return fits ? std::string() : fmt::format("its key usage {:02x} is none of those in remote-cert-ku", has);
}

// `remote-cert-eku`, by number or by either of OpenSSL's names.
std::string extended_key_usage_failure(X509* leaf, const std::string& wanted) {
  if (wanted.empty()) return {};
  const ObjectPtr object(OBJ_txt2obj(wanted.c_str(), 0));
  const ExtendedKeyUsagePtr usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(leaf, NID_ext_key_usage, nullptr, nullptr)));
  for (int i = 0; object && usages && i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    if (OBJ_cmp(object.get(), sk_ASN1_OBJECT_value(usages.get(), i)) == 0) return {};
  }
  drop_openssl_errors();
  return fmt::format("its extended key usage does not include {}", wanted);
}

bool has_digest(X509* certificate, const IssuerHash& wanted) {
  const EVP_MD* const digest = wanted.size() == 20 ? EVP_sha1() : EVP_sha256();
  std::array<std::byte, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  if (X509_digest(certificate, digest, as_uchar(bytes.data()), &size) != 1) return false;
  return constant_time_equal(std::span(bytes).first(size), wanted);
}

// Of what only the whole chain tells: its second certificate, and serials that were revoked one by one.
std::string chain_policy_failure(X509_STORE_CTX* store, const PeerPolicy& policy) {
  const STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(store);
  if (!policy.issuer_hashes.empty()) {
    X509* const issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : nullptr;
    const bool listed = issuer != nullptr &&
                        std::ranges::any_of(policy.issuer_hashes,
                                            [issuer](const auto& hash) { return has_digest(issuer, hash); });
    if (!listed) return "certificate refused: its issuer is none of those in verify-hash";
  }
  if (policy.revoked_serials_directory.empty()) return {};
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const CertificateFacts facts = describe(sk_X509_value(chain, i));
    std::error_code error;
    const auto file = std::filesystem::path(policy.revoked_serials_directory) / facts.serial_decimal;
    const bool unlisted = !std::filesystem::exists(file, error) && !error;
    if (!unlisted) {
      return fmt::format("certificate refused ({}): its serial number {} is revoked", facts.subject,
                         facts.serial_decimal);
    }
  }
  return {};
}

std::string name_failure(const CertificateFacts& leaf, const VerifyX509Name& wanted) {
  switch (wanted.type) {
    case VerifyX509Name::Type::subject:
      if (leaf.subject == wanted.value) return {};
      return fmt::format("its subject is not '{}'", wanted.value);
    case VerifyX509Name::Type::name:
      if (leaf.common_name == wanted.value) return {};
      return fmt::format("its common name is not '{}'", wanted.value);
    case VerifyX509Name::Type::name_prefix:
      if (leaf.common_name.starts_with(wanted.value)) return {};
      return fmt::format("its common name does not begin with '{}'", wanted.value);
  }
  return "no such kind of name";
}

// Empty if the leaf is the one we want to talk to.
std::string leaf_failure(X509* leaf, const PeerPolicy& policy) {
  const CertificateFacts facts = describe(leaf, policy.name_fields);
  std::string failure;
  if (facts.common_name.empty() && !policy.name_fields.empty()) {
    failure = "it lacks what x509-username-field asks for";
  } else if (facts.common_name.empty()) {
    failure = fmt::format("it has no common name of at most {} bytes", CertificateFacts::kMaxCommonNameSize);
  }
  const bool listed = std::ranges::any_of(policy.fingerprints, [&facts](const Fingerprint& candidate) {
    return constant_time_equal(candidate, facts.fingerprint);
  });
  if (failure.empty() && !policy.fingerprints.empty() && !listed) {
    failure = fmt::format("its fingerprint {} is not listed", format_fingerprint(facts.fingerprint));
  }
  if (failure.empty()) failure = usage_failure(leaf, policy.remote_cert_tls);
  if (failure.empty()) failure = key_usage_failure(leaf, policy.key_usages);
  if (failure.empty()) failure = extended_key_usage_failure(leaf, policy.extended_key_usage);
  if (failure.empty() && policy.name) failure = name_failure(facts, *policy.name);
  if (failure.empty()) return {};
  return fmt::format("certificate refused ({}): {}", facts.subject, failure);
}

std::string peer_failure(X509_STORE_CTX* store, const PeerPolicy& policy) {
  if (policy.has_ca) {
    X509_STORE_CTX_set_verify_cb(store, tolerate_missing_crl);
    if (X509_verify_cert(store) != 1) return chain_failure(store);
  }
  X509* const leaf = X509_STORE_CTX_get0_cert(store);
  if (leaf == nullptr || (!policy.has_ca && policy.fingerprints.empty()))
    return "there is nothing to verify by";
  std::string failure = policy.has_ca ? chain_policy_failure(store, policy) : std::string();
  if (failure.empty()) failure = leaf_failure(leaf, policy);
  // The one error that makes OpenSSL send a fitting alert for a policy's refusal.
  if (!failure.empty()) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return failure;
}

}  // namespace

void set_verify_failure_sink(SSL* ssl, std::string* sink) noexcept {
  must_succeed(SSL_set_ex_data(ssl, sink_index(), sink) == 1);
}

int verify_peer(X509_STORE_CTX* store, void* policy) {
  std::string failure = peer_failure(store, *static_cast<const PeerPolicy*>(policy));
  if (failure.empty()) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const sink = static_cast<std::string*>(SSL_get_ex_data(ssl, sink_index()));
  if (sink != nullptr) *sink = std::move(failure);
  return 0;
}

}  // namespace vpnd::crypto
