#include "crypto/tls_cipher_names.hpp"

#include <algorithm>
#include <map>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {
namespace {

// Both keyed by IANA name, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384". OpenVPN's names are these with dashes.
struct KnownCiphers {
  std::map<std::string, std::string, std::less<>> up_to_tls12;
  std::map<std::string, std::string, std::less<>> tls13;
};

KnownCiphers list_known_ciphers() {
  KnownCiphers known;
  const SslContextPtr context(SSL_CTX_new(TLS_method()));
  must_succeed(context != nullptr);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL");
  SSL_CTX_set_ciphersuites(context.get(),
                           "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
                           "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256");
  const STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers, i);
    const char* const standard_name = SSL_CIPHER_standard_name(cipher);
    if (standard_name == nullptr) continue;
    const bool is_tls13 = std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
    (is_tls13 ? known.tls13 : known.up_to_tls12).emplace(standard_name, SSL_CIPHER_get_name(cipher));
  }
  return known;
}

const KnownCiphers& known_ciphers() {
  static const KnownCiphers kKnown = list_known_ciphers();
  return kKnown;
}

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> parts;
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(':'), names.size());
    if (end > 0) parts.emplace_back(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return parts;
}

std::string with_underscores(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

void append(std::string& list, std::string_view name) {
  if (!list.empty()) list += ':';
  list += name;
}

}  // namespace

TranslatedNames translate_ciphers(std::string_view names) {
  TranslatedNames result;
  for (const std::string& name : split(names)) {
    if (!name.starts_with("TLS-") && !name.starts_with("TLS_")) {
      append(result.openssl_names, name);
      continue;
    }
    const auto known = known_ciphers().up_to_tls12.find(with_underscores(name));
    if (known == known_ciphers().up_to_tls12.end()) {
      result.unknown.push_back(name);
    } else {
      append(result.openssl_names, known->second);
    }
  }
  return result;
}

TranslatedNames translate_ciphersuites(std::string_view names) {
  TranslatedNames result;
  for (const std::string& name : split(names)) {
    const std::string standard_name = with_underscores(name);
    if (known_ciphers().tls13.contains(standard_name)) {
      append(result.openssl_names, standard_name);
    } else {
      result.unknown.push_back(name);
    }
  }
  return result;
}

TranslatedNames translate_groups(SSL_CTX* context, std::string_view names) {
  TranslatedNames result;
  for (const std::string& name : split(names)) {
    if (SSL_CTX_set1_groups_list(context, name.c_str()) == 1) {
      append(result.openssl_names, name);
    } else {
      result.unknown.push_back(name);
    }
  }
  drop_openssl_errors();
  return result;
}

}  // namespace vpnd::crypto
