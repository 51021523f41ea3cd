#include "crypto/certificate.hpp"

#include <fmt/format.h>

#include <climits>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/x509_facts.hpp"

namespace vpnd::crypto {

std::optional<Fingerprint> parse_fingerprint(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return std::nullopt;
  text = text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);

  Fingerprint fingerprint{};
  for (std::size_t i = 0; i < fingerprint.size(); ++i) {
    if (i > 0 && text.starts_with(':')) text.remove_prefix(1);
    if (text.size() < 2) return std::nullopt;
    const int high = OPENSSL_hexchar2int(static_cast<unsigned char>(text[0]));
    const int low = OPENSSL_hexchar2int(static_cast<unsigned char>(text[1]));
    if (high < 0 || low < 0) {
      drop_openssl_errors();
      return std::nullopt;
    }
    fingerprint[i] = static_cast<std::byte>(high << 4 | low);
    text.remove_prefix(2);
  }
  if (!text.empty()) return std::nullopt;
  return fingerprint;
}

std::string format_fingerprint(const Fingerprint& fingerprint) {
  std::string text;
  for (const std::byte byte : fingerprint) {
    if (!text.empty()) text += ':';
    text += fmt::format("{:02X}", std::to_integer<unsigned>(byte));
  }
  return text;
}

std::string sanitise_name(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    const auto value = static_cast<unsigned char>(c);
    if (value < 0x20 || value == 0x7f) c = '_';
  }
  return text;
}

std::optional<CertificateFacts> describe_certificate(std::span<const std::byte> der) {
  if (der.size() > LONG_MAX) return std::nullopt;
  const unsigned char* position = as_uchar(der.data());
  const unsigned char* const end = position + der.size();
  const CertificatePtr certificate(d2i_X509(nullptr, &position, static_cast<long>(der.size())));
  drop_openssl_errors();
  if (!certificate || position != end) return std::nullopt;
  return describe(certificate.get());
}

}  // namespace vpnd::crypto
