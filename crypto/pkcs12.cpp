#include "crypto/pkcs12.hpp"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <climits>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {
namespace {

using Pkcs12Ptr = OpenSslPtr<PKCS12, PKCS12_free>;

struct FreeCertificates {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};

std::string_view written(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

SecretString key_text(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  must_succeed(bio != nullptr &&
               PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return SecretString(written(bio));
}

void append_text(std::string& text, X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must_succeed(bio != nullptr && PEM_write_bio_X509(bio.get(), certificate) == 1);
  text += written(bio);
}

}  // namespace

Pkcs12Reading read_pkcs12(std::string_view der, const SecretString& password) {
  drop_openssl_errors();
  if (der.size() > INT_MAX) return {Pkcs12Fault::not_pkcs12, std::nullopt};
  const BioPtr bio(BIO_new_mem_buf(der.data(), static_cast<int>(der.size())));
  must_succeed(bio != nullptr);
  const Pkcs12Ptr file(d2i_PKCS12_bio(bio.get(), nullptr));
  if (!file) {
    drop_openssl_errors();
    return {Pkcs12Fault::not_pkcs12, std::nullopt};
  }
  EVP_PKEY* key_pointer = nullptr;
  X509* certificate_pointer = nullptr;
  STACK_OF(X509)* others_pointer = nullptr;
  std::string terminated(password.expose());  // OpenSSL wants a NUL behind it
  const int parsed =
      PKCS12_parse(file.get(), terminated.c_str(), &key_pointer, &certificate_pointer, &others_pointer);
  wipe(terminated);
  const KeyPtr key(key_pointer);
  const CertificatePtr certificate(certificate_pointer);
  const std::unique_ptr<STACK_OF(X509), FreeCertificates> others(others_pointer);
  drop_openssl_errors();
  if (parsed != 1) return {Pkcs12Fault::wrong_password, std::nullopt};
  if (!key || !certificate) return {Pkcs12Fault::incomplete, std::nullopt};

  Pkcs12 contents{key_text(key.get()), {}, {}};
  append_text(contents.cert, certificate.get());
  for (int i = 0; i < sk_X509_num(others.get()); ++i)
    append_text(contents.others, sk_X509_value(others.get(), i));
  return {Pkcs12Fault::none, std::move(contents)};
}

}  // namespace vpnd::crypto
