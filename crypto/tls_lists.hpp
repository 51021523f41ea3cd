// What TLS offers here, by name, for people who choose from it (`show-tls`, `show-groups`).
#pragma once

#include <string>
#include <vector>

#include "crypto/tls.hpp"

namespace vpnd::crypto {

struct TlsSuites {
  std::vector<std::string> tls13;
  std::vector<std::string> up_to_tls12;  // OpenVPN's form of the IANA names: "TLS-ECDHE-RSA-WITH-…"
};

// The suites that a session with these settings (`cipher`, `ciphersuites`, `cert_profile`) can agree on, best
// first. Throws TlsError.
[[nodiscard]] TlsSuites tls_suites(const TlsSettings& settings);

// "OpenSSL 3.0.19 27 Jan 2026", the library that is loaded.
[[nodiscard]] std::string tls_library_version();

// The groups that `tls-groups` takes.
[[nodiscard]] std::vector<std::string> tls_group_names();

}  // namespace vpnd::crypto
