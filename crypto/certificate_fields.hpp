// What scripts get to know of a certificate beyond CertificateFacts; from its DER form, as plain text.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vpnd::crypto {

// "aa:bb:…" over the DER form.
[[nodiscard]] std::string sha1_digest(std::span<const std::byte> der);
[[nodiscard]] std::string sha256_digest(std::span<const std::byte> der);

// The attributes of the subject by their short names ("CN", "OU"), in their order, sanitised. One may occur
// several times. Nothing for what is no certificate.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> subject_fields(std::span<const std::byte> der);

// `x509-track`: an attribute of the subject or an extension by OpenSSL's name for it, or "SHA1", the
// fingerprint in upper case. Absent where the certificate has no such thing.
[[nodiscard]] std::optional<std::string> tracked_field(std::span<const std::byte> der,
                                                       const std::string& name);
// Whether OpenSSL knows the name.
[[nodiscard]] bool is_trackable(const std::string& name);

[[nodiscard]] std::string certificate_pem(std::span<const std::byte> der);

}  // namespace vpnd::crypto
