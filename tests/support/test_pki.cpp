#include "tests/support/test_pki.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <stdexcept>

#include "crypto/openssl_ptr.hpp"

namespace vpnd::test {
namespace {

using crypto::BioPtr;
using crypto::CertificatePtr;
using crypto::CrlPtr;
using crypto::KeyPtr;

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("test certificates: ") + what);
}

template <typename Write>
std::string to_pem(Write&& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  check(bio && write(bio.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  return to_pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string to_pem(EVP_PKEY* key) {
  return to_pem([key](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

CertificatePtr from_pem(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  check(certificate != nullptr, "not a certificate");
  return certificate;
}

KeyPtr make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  check(key != nullptr, "key");
  return key;
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return;
  check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) == 1,
        "name");
}

long seconds(std::chrono::hours hours) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(hours).count());
}

CertificatePtr make_certificate(const Request& request, EVP_PKEY* key, long serial) {
  CertificatePtr certificate(X509_new());
  check(certificate != nullptr, "certificate");
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), seconds(request.valid_from));
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds(request.valid_until));
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  add_name(name, "O", request.organisation);
  add_name(name, "CN", request.common_name);
  check(X509_set_pubkey(certificate.get(), key) == 1, "public key");
  return certificate;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "extension");
  X509_EXTENSION_free(extension);
}

void add_usage(X509* certificate, X509* issuer, Usage usage) {
  if (usage == Usage::unspecified) return;
  add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, issuer, NID_ext_key_usage, usage == Usage::server ? "serverAuth" : "clientAuth");
}

void mark_as_ca(X509* certificate, X509* issuer) {
  add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
}

void sign(X509* certificate, EVP_PKEY* key) {
  check(X509_sign(certificate, key, EVP_sha256()) > 0, "signature");
}

}  // namespace

struct TestCa::State {
  KeyPtr key;
  CertificatePtr certificate;
  long next_serial = 0x1234;
  std::vector<CertificatePtr> revoked;
};

TestCa::TestCa(const std::string& common_name, std::chrono::hours valid_until)
    : state_(std::make_unique<State>()) {
  state_->key = make_key();
  const Request request{.common_name = common_name, .valid_until = valid_until};
  state_->certificate = make_certificate(request, state_->key.get(), 1);
  X509* const certificate = state_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  mark_as_ca(certificate, certificate);
  sign(certificate, state_->key.get());
}

TestCa::TestCa(std::unique_ptr<State> state) : state_(std::move(state)) {}
TestCa::~TestCa() = default;
TestCa::TestCa(TestCa&&) noexcept = default;
TestCa& TestCa::operator=(TestCa&&) noexcept = default;

std::string TestCa::cert() const {
  return to_pem(state_->certificate.get());
}

Identity TestCa::issue(const Request& request) {
  const KeyPtr key = make_key();
  const CertificatePtr certificate = make_certificate(request, key.get(), state_->next_serial++);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(state_->certificate.get()));
  add_usage(certificate.get(), state_->certificate.get(), request.usage);
  sign(certificate.get(), state_->key.get());
  return {.cert = to_pem(certificate.get()), .key = to_pem(key.get())};
}

Identity TestCa::issue_server(const std::string& common_name) {
  return issue({.common_name = common_name, .usage = Usage::server});
}

Identity TestCa::issue_client(const std::string& common_name) {
  return issue({.common_name = common_name, .usage = Usage::client});
}

TestCa TestCa::issue_ca(const std::string& common_name) {
  auto state = std::make_unique<State>();
  state->key = make_key();
  state->certificate =
      make_certificate({.common_name = common_name}, state->key.get(), state_->next_serial++);
  X509_set_issuer_name(state->certificate.get(), X509_get_subject_name(state_->certificate.get()));
  mark_as_ca(state->certificate.get(), state_->certificate.get());
  sign(state->certificate.get(), state_->key.get());
  return TestCa(std::move(state));
}

void TestCa::revoke(const std::string& cert_pem) {
  state_->revoked.push_back(from_pem(cert_pem));
}

std::string TestCa::crl(std::chrono::hours next_update) const {
  const CrlPtr crl(X509_CRL_new());
  check(crl != nullptr, "revocation list");
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(state_->certificate.get()));
  ASN1_TIME* const time = ASN1_TIME_new();
  X509_gmtime_adj(time, -2 * 86400L);
  X509_CRL_set1_lastUpdate(crl.get(), time);
  for (const CertificatePtr& certificate : state_->revoked) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get()));
    X509_REVOKED_set_revocationDate(entry, time);
    check(X509_CRL_add0_revoked(crl.get(), entry) == 1, "revocation");
  }
  X509_gmtime_adj(time, seconds(next_update));
  X509_CRL_set1_nextUpdate(crl.get(), time);
  ASN1_TIME_free(time);
  X509_CRL_sort(crl.get());
  check(X509_CRL_sign(crl.get(), state_->key.get(), EVP_sha256()) > 0, "signature");
  return to_pem([&crl](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl.get()); });
}

Identity make_self_signed(const std::string& common_name, Usage usage) {
  const KeyPtr key = make_key();
  const CertificatePtr certificate = make_certificate({.common_name = common_name}, key.get(), 1);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_usage(certificate.get(), certificate.get(), usage);
  sign(certificate.get(), key.get());
  return {.cert = to_pem(certificate.get()), .key = to_pem(key.get())};
}

std::string encrypt_key(const std::string& key_pem, const std::string& password) {
  const BioPtr bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  check(key != nullptr, "not a key");
  return to_pem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(), EVP_aes_256_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
}

std::string fingerprint_of(const std::string& cert_pem) {
  const CertificatePtr certificate = from_pem(cert_pem);
  std::array<unsigned char, 32> digest{};
  check(X509_digest(certificate.get(), EVP_sha256(), digest.data(), nullptr) == 1, "digest");
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const unsigned char byte : digest) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string subject_hash_of(const std::string& cert_pem) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08lx", X509_subject_name_hash(from_pem(cert_pem).get()));
  return text.data();
}

std::string make_pkcs12(const Identity& identity, const std::string& ca_pem, const std::string& password) {
  const CertificatePtr certificate = from_pem(identity.cert);
  const CertificatePtr ca = from_pem(ca_pem);
  const BioPtr key_text(BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  STACK_OF(X509)* const others = sk_X509_new_null();
  sk_X509_push(others, ca.get());
  const crypto::OpenSslPtr<PKCS12, PKCS12_free> file(
      PKCS12_create(password.c_str(), "test", key.get(), certificate.get(), others, 0, 0, 0, 0, 0));
  sk_X509_free(others);
  check(file != nullptr, "PKCS #12");
  unsigned char* bytes = nullptr;
  const int size = i2d_PKCS12(file.get(), &bytes);
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return text;
}

}  // namespace vpnd::test
