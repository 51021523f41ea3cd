#include "vpnd/config/reload.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace vpnd::config {

namespace {

// In alphabetical order.
constexpr std::string_view kAdoptable[] = {
    "auth-user-pass-optional",
    "ca",
    "capath",
    "ccd-exclusive",
    "cert",
    "cipher",
    "client-cert-not-required",
    "client-config-dir",
    "config",
    "crl-verify",
    "data-ciphers",
    "data-ciphers-fallback",
    "duplicate-cn",
    "explicit-exit-notify",
    "extra-certs",
    "ignore-unknown-option",
    "inactive",
    "keepalive",
    "key",
    "max-routes-per-client",
    "mute",
    "ncp-ciphers",
    "peer-fingerprint",
    "ping",
    "ping-exit",
    "ping-restart",
    "pkcs12",
    "push",
    "remote-cert-eku",
    "remote-cert-ku",
    "remote-cert-tls",
    "reneg-bytes",
    "reneg-pkts",
    "reneg-sec",
    "session-timeout",
    "tls-cert-profile",
    "tls-cipher",
    "tls-ciphersuites",
    "tls-groups",
    "tls-version-max",
    "tls-version-min",
    "tran-window",
    "username-as-common-name",
    "verb",
    "verify-client-cert",
    "verify-hash",
    "verify-x509-name",
    "x509-track",
    "x509-username-field",
};
static_assert(std::ranges::is_sorted(kAdoptable));

using Names = std::set<std::string>;

void add_differences(const DirectiveDigests& one, const DirectiveDigests& other, Names& names) {
  for (const auto& [name, digest] : one) {
    const auto found = other.find(name);
    if (found == other.end() || found->second != digest) names.insert(name);
  }
}

std::string_view name_of(ControlWrapKind kind) {
  switch (kind) {
    case ControlWrapKind::tls_auth:
      return "tls-auth";
    case ControlWrapKind::tls_crypt:
      return "tls-crypt";
    case ControlWrapKind::tls_crypt_v2:
      return "tls-crypt-v2";
    case ControlWrapKind::none:
      break;
  }
  return "tls-auth";
}

const std::string& token_secret(const ServerOptions& server) {
  static const std::string none;
  const bool has_secret = server.auth_token && server.auth_token->secret;
  return has_secret ? server.auth_token->secret->content.expose() : none;
}

// Tokens are renewed as often as keys unless they have a time of their own, and whoever issues them keeps
// that.
bool changes_token_renewal(const Options& running, const Options& fresh) {
  const auto& token = fresh.server.auth_token;
  return token && !token->renewal && running.renewal.interval != fresh.renewal.interval;
}

// The files of directives that are not adoptable.
void add_changed_files(const Options& running, const Options& fresh, Names& names) {
  const ControlWrapOptions& wrap = fresh.link.control_wrap;
  if (wrap.key.content.expose() != running.link.control_wrap.key.content.expose())
    names.emplace(name_of(wrap.kind));
  if (token_secret(running.server) != token_secret(fresh.server)) names.emplace("auth-gen-token-secret");
}

}  // namespace

bool is_adoptable(std::string_view directive) {
  return std::ranges::binary_search(kAdoptable, directive);
}

std::span<const std::string_view> adoptable_directives() {
  return kAdoptable;
}

std::vector<std::string> directives_needing_restart(const Loaded& running, const Loaded& fresh) {
  Names names;
  add_differences(running.digests, fresh.digests, names);
  add_differences(fresh.digests, running.digests, names);
  std::erase_if(names, is_adoptable);
  add_changed_files(running.options, fresh.options, names);
  if (changes_token_renewal(running.options, fresh.options)) names.insert("reneg-sec");
  // Somebody would have to sit at the terminal for a key to be read again.
  if (fresh.options.tls.ask_key_password) names.insert("askpass");
  return {names.begin(), names.end()};
}

}  // namespace vpnd::config
