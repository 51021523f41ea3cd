// From the names of OpenVPN configurations to those of OpenSSL. Names that OpenSSL does not have are left out
// one by one and reported, because configurations list ciphers for several libraries and versions.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>
#include <vector>

namespace vpnd::crypto {

struct TranslatedNames {
  std::string openssl_names;         // joined by ':', may be empty
  std::vector<std::string> unknown;  // as they stood in the setting
};

// `tls-cipher`: "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384" is translated; anything that does not begin like that
// is taken for OpenSSL's own language ("DEFAULT", "!aNULL", "@SECLEVEL=1") and passes.
[[nodiscard]] TranslatedNames translate_ciphers(std::string_view names);
// `tls-ciphersuites`: TLS 1.3, with '_' or '-'.
[[nodiscard]] TranslatedNames translate_ciphersuites(std::string_view names);
// `tls-groups`. Tries each on the context, which is left with some group set.
[[nodiscard]] TranslatedNames translate_groups(SSL_CTX* context, std::string_view names);

}  // namespace vpnd::crypto
