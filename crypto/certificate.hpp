// What we need to know of a certificate once it has been verified, as plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd::crypto {

using Fingerprint = std::array<std::byte, 32>;  // SHA-256 over the DER form

// "AA:BB:…" (with or without colons, any case), optionally with spaces around it. Absent if not 32 bytes.
[[nodiscard]] std::optional<Fingerprint> parse_fingerprint(std::string_view text) noexcept;
[[nodiscard]] std::string format_fingerprint(const Fingerprint& fingerprint);  // "AA:BB:…"

// Control characters (NUL, CR, LF, DEL and the rest) become '_'; everything else, also UTF-8, stays. What
// comes out is safe for one line of a log, not for a shell or a path.
[[nodiscard]] std::string sanitise_name(std::string_view name);

struct CertificateFacts {
  static constexpr std::size_t kMaxCommonNameSize = 64;

  std::string common_name;  // sanitised; the last CN of the subject; empty if there is none or it is too long
  std::string subject;      // sanitised, in OpenVPN's form: "C=KG, O=Example, CN=client-1"
  std::string serial_decimal;  // "4660"
  std::string serial_hex;      // "12:34"
  Fingerprint fingerprint{};
  std::chrono::system_clock::time_point not_after;
  std::string key_description;  // "256 bits EC"
  std::vector<std::byte> der;   // only where TlsSettings::keep_certificates asks for it
};

// Absent if this is not one DER certificate. Verifies nothing.
[[nodiscard]] std::optional<CertificateFacts> describe_certificate(std::span<const std::byte> der);

}  // namespace vpnd::crypto
