#include "tests/support/rsa_identity.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>

namespace vpnd::test {

namespace {

constexpr long kLifetimeSeconds = 3600;

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot make an RSA certificate");
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Identity make_rsa_identity(const std::string& common_name, unsigned bits) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(bits), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  require(key && certificate);
  X509* const cert = certificate.get();
  X509_NAME* const name = X509_get_subject_name(cert);
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0));
  require(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
  require(X509_gmtime_adj(X509_getm_notBefore(cert), -kLifetimeSeconds) &&
          X509_gmtime_adj(X509_getm_notAfter(cert), kLifetimeSeconds));
  require(X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key.get()) &&
          X509_sign(cert, key.get(), EVP_sha256()) > 0);

  const std::unique_ptr<BIO, decltype(&BIO_free)> cert_pem(BIO_new(BIO_s_mem()), BIO_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> key_pem(BIO_new(BIO_s_mem()), BIO_free);
  require(PEM_write_bio_X509(cert_pem.get(), cert) &&
          PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
  return {text_of(cert_pem.get()), text_of(key_pem.get())};
}

}  // namespace vpnd::test
