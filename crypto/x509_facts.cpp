#include "crypto/x509_facts.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <climits>
#include <ctime>

#include "crypto/openssl_error.hpp"

namespace vpnd::crypto {

std::string text_of(const ASN1_STRING* value) {
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) {
    drop_openssl_errors();
    return {};
  }
  const OpenSslMemory<unsigned char> owner(text);
  return sanitise_name({reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)});
}

namespace {

// The last attribute of this kind, as OpenVPN takes it. A NUL inside becomes '_' like any control character,
// so "admin\0.evil" never reads as "admin".
std::string attribute_of(const X509_NAME* subject, int nid) {
  int last = -1;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, nid, i)) >= 0;) last = i;
  if (last < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
}

// The first e-mail address of an extension with alternative names.
std::string email_of(X509* certificate, int nid) {
  const GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, nid, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL) return text_of(name->d.rfc822Name);
  }
  return {};
}

std::string serial_field(const X509* certificate) {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(certificate);
  const std::vector<unsigned> bytes(serial->data, serial->data + serial->length);
  return fmt::format("0x{:02x}", fmt::join(bytes, ""));
}

std::string field_of(X509* certificate, const std::string& field) {
  constexpr std::string_view kExtension = "ext:";
  if (field.starts_with(kExtension)) {
    const int nid = OBJ_txt2nid(field.c_str() + kExtension.size());
    const bool readable = nid == NID_subject_alt_name || nid == NID_issuer_alt_name;
    return readable ? email_of(certificate, nid) : std::string();
  }
  if (field == "serialNumber") return serial_field(certificate);
  const int nid = OBJ_txt2nid(field.c_str());
  return nid == NID_undef ? std::string() : attribute_of(X509_get_subject_name(certificate), nid);
}

// Empty if a field is missing or the whole is too long.
std::string common_name_of(X509* certificate, const NameFields& fields) {
  std::string name;
  for (const std::string& field : fields) {
    const std::string part = field_of(certificate, field);
    if (part.empty()) return {};
    if (!name.empty()) name += '_';
    name += part;
  }
  return name.size() > CertificateFacts::kMaxCommonNameSize ? std::string() : name;
}

void describe_serial(const X509* certificate, CertificateFacts& facts) {
  const BignumPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!serial) return;
  const OpenSslMemory<char> decimal(BN_bn2dec(serial.get()));
  if (decimal) facts.serial_decimal = decimal.get();
  std::vector<unsigned char> bytes(static_cast<std::size_t>(BN_num_bytes(serial.get())));
  BN_bn2bin(serial.get(), bytes.data());
  facts.serial_hex = bytes.empty() ? "00" : fmt::format("{:02x}", fmt::join(bytes, ":"));
}

std::string describe_key(const X509* certificate) {
  const EVP_PKEY* const key = X509_get0_pubkey(certificate);
  if (key == nullptr) return "unknown key";
  const char* const type = EVP_PKEY_get0_type_name(key);
  return fmt::format("{} bits {}", EVP_PKEY_get_bits(key), type != nullptr ? type : "unknown");
}

template <typename Pointer, auto kRead>
PemObjects<Pointer> read_all(std::string_view pem) {
  PemObjects<Pointer> result;
  drop_openssl_errors();
  if (pem.size() > INT_MAX) return result;
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  must_succeed(bio != nullptr);
  while (Pointer object{kRead(bio.get(), nullptr, nullptr, nullptr)})
    result.objects.push_back(std::move(object));
  // The reader stops with an error in any case; only this one means that the text simply ended.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  result.ok = ended && !result.objects.empty();
  if (result.ok) drop_openssl_errors();
  return result;
}

}  // namespace

CertificateFacts describe(X509* certificate, const NameFields& fields) {
  static const NameFields kCommonName = {"CN"};
  CertificateFacts facts;
  facts.common_name = common_name_of(certificate, fields.empty() ? kCommonName : fields);
  facts.subject = name_text(X509_get_subject_name(certificate));
  describe_serial(certificate, facts);
  unsigned int size = 0;
  must_succeed(X509_digest(certificate, EVP_sha256(), as_uchar(facts.fingerprint.data()), &size) == 1);
  facts.not_after = to_time_point(X509_get0_notAfter(certificate));
  facts.key_description = describe_key(certificate);
  drop_openssl_errors();
  return facts;
}

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must_succeed(bio != nullptr);
  X509_NAME_print_ex(
      bio.get(), name, 0,
      XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? sanitise_name({data, static_cast<std::size_t>(size)}) : std::string();
}

std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time) noexcept {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

PemObjects<CertificatePtr> read_certificates(std::string_view pem) {
  return read_all<CertificatePtr, PEM_read_bio_X509>(pem);
}

PemObjects<CrlPtr> read_crls(std::string_view pem) {
  return read_all<CrlPtr, PEM_read_bio_X509_CRL>(pem);
}

}  // namespace vpnd::crypto
