#include "crypto/certificate_fields.hpp"

#include <fmt/format.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>

#include "crypto/certificate.hpp"
#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/x509_facts.hpp"

namespace vpnd::crypto {

namespace {

constexpr std::string_view kFingerprintField = "SHA1";

CertificatePtr parse_der(std::span<const std::byte> der) {
  if (der.size() > LONG_MAX) return nullptr;
  const unsigned char* position = as_uchar(der.data());
  CertificatePtr certificate(d2i_X509(nullptr, &position, static_cast<long>(der.size())));
  drop_openssl_errors();
  return certificate;
}

std::string digest_text(std::span<const std::byte> der, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  must_succeed(EVP_Digest(der.data(), der.size(), bytes.data(), &size, algorithm, nullptr) == 1);
  return fmt::format("{:02x}", fmt::join(bytes.begin(), bytes.begin() + size, ":"));
}

std::string text_of_bio(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::optional<std::string> extension_text(X509* certificate, int nid) {
  const int index = X509_get_ext_by_NID(certificate, nid, -1);
  if (index < 0) return std::nullopt;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must_succeed(bio != nullptr);
  const bool printed = X509V3_EXT_print(bio.get(), X509_get_ext(certificate, index), 0, 0) == 1;
  drop_openssl_errors();
  if (!printed) return std::nullopt;
  return sanitise_name(text_of_bio(bio));
}

}  // namespace

std::string sha1_digest(std::span<const std::byte> der) {
  return digest_text(der, EVP_sha1());
}

std::string sha256_digest(std::span<const std::byte> der) {
  return digest_text(der, EVP_sha256());
}

std::vector<std::pair<std::string, std::string>> subject_fields(std::span<const std::byte> der) {
  std::vector<std::pair<std::string, std::string>> fields;
  const CertificatePtr certificate = parse_der(der);
  if (!certificate) return fields;
  const X509_NAME* const subject = X509_get_subject_name(certificate.get());
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(subject, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (nid == NID_undef) continue;
    fields.emplace_back(OBJ_nid2sn(nid), text_of(X509_NAME_ENTRY_get_data(entry)));
  }
  return fields;
}

std::optional<std::string> tracked_field(std::span<const std::byte> der, const std::string& name) {
  const CertificatePtr certificate = parse_der(der);
  if (!certificate) return std::nullopt;
  if (name == kFingerprintField) {
    std::string text = sha1_digest(der);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
  }
  const int nid = OBJ_txt2nid(name.c_str());
  drop_openssl_errors();
  if (nid == NID_undef) return std::nullopt;
  const X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const int index = X509_NAME_get_index_by_NID(subject, nid, -1);
  if (index >= 0) return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  return extension_text(certificate.get(), nid);
}

bool is_trackable(const std::string& name) {
  const bool known = name == kFingerprintField || OBJ_txt2nid(name.c_str()) != NID_undef;
  drop_openssl_errors();
  return known;
}

std::string certificate_pem(std::span<const std::byte> der) {
  const CertificatePtr certificate = parse_der(der);
  if (!certificate) return {};
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must_succeed(bio && PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  return text_of_bio(bio);
}

}  // namespace vpnd::crypto
