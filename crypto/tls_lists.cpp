#include "crypto/tls_lists.hpp"

#include <openssl/ec.h>
#include <openssl/objects.h>

#include <algorithm>
#include <memory>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/tls_settings.hpp"

namespace vpnd::crypto {
namespace {

struct FreeCipherStack {
  void operator()(STACK_OF(SSL_CIPHER) * stack) const noexcept { sk_SSL_CIPHER_free(stack); }
};

// OpenSSL cannot list its groups; these, and its elliptic curves, are tried one by one.
constexpr const char* kFurtherGroups[] = {"X25519",    "X448",      "ffdhe2048",        "ffdhe3072",
                                          "ffdhe4096", "ffdhe6144", "ffdhe8192",        "X25519MLKEM768",
                                          "MLKEM512",  "MLKEM768",  "SecP256r1MLKEM768"};

std::vector<std::string> curve_names() {
  std::vector<EC_builtin_curve> curves(EC_get_builtin_curves(nullptr, 0));
  EC_get_builtin_curves(curves.data(), curves.size());
  std::vector<std::string> names;
  for (const EC_builtin_curve& curve : curves) {
    if (const char* name = OBJ_nid2sn(curve.nid)) names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

TlsSuites tls_suites(const TlsSettings& settings) {
  const SslContextPtr context(SSL_CTX_new(TLS_method()));
  must_succeed(context != nullptr);
  std::vector<std::string> warnings;
  apply_suites(context.get(), settings, warnings);
  const SslPtr ssl(SSL_new(context.get()));
  must_succeed(ssl != nullptr);
  const std::unique_ptr<STACK_OF(SSL_CIPHER), FreeCipherStack> ciphers(SSL_get1_supported_ciphers(ssl.get()));
  TlsSuites suites;
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers.get()); ++i) {
    const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers.get(), i);
    const char* const standard_name = SSL_CIPHER_standard_name(cipher);
    if (standard_name == nullptr) continue;
    std::string name(standard_name);
    if (std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3") {
      suites.tls13.push_back(std::move(name));
      continue;
    }
    std::ranges::replace(name, '_', '-');
    suites.up_to_tls12.push_back(std::move(name));
  }
  return suites;
}

std::string tls_library_version() {
  return OpenSSL_version(OPENSSL_VERSION);
}

std::vector<std::string> tls_group_names() {
  const SslContextPtr context(SSL_CTX_new(TLS_method()));
  must_succeed(context != nullptr);
  std::vector<std::string> names(std::begin(kFurtherGroups), std::end(kFurtherGroups));
  const std::vector<std::string> curves = curve_names();
  names.insert(names.end(), curves.begin(), curves.end());
  std::erase_if(names, [&](const std::string& name) {
    return SSL_CTX_set1_groups_list(context.get(), name.c_str()) != 1;
  });
  drop_openssl_errors();
  return names;
}

}  // namespace vpnd::crypto
