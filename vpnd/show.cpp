#include "vpnd/show.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <optional>
#include <stdexcept>

#include "crypto/aead.hpp"
#include "crypto/mac.hpp"
#include "crypto/tls_lists.hpp"
#include "tunio/tun_device.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd {

namespace {

std::optional<unsigned> as_number(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

unsigned user_id(const std::string& name) {
  if (const auto number = as_number(name)) return *number;
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) throw std::runtime_error(fmt::format("user {}: there is no such user", name));
  return entry->pw_uid;
}

unsigned group_id(const std::string& name) {
  if (const auto number = as_number(name)) return *number;
  const group* const entry = ::getgrnam(name.c_str());
  if (entry == nullptr) throw std::runtime_error(fmt::format("group {}: there is no such group", name));
  return entry->gr_gid;
}

tunio::TunDevice open_named(const config::Options& options) {
  if (options.tunnel.device == "tun")
    throw std::runtime_error("--mktun and --rmtun need the name of a device; add --dev tun0");
  tunio::TunOptions tun;
  tun.node = options.tunnel.clone_device;
  tun.name = options.tunnel.device;
  return tunio::TunDevice::open(tun);
}

}  // namespace

// The second word is the version: scripts take it from there.
void show_version() {
  fmt::print("vpnd " VPND_VERSION " " VPND_PLATFORM " [SSL (OpenSSL)] [EPOLL] [IO_URING] [AEAD]\n");
  fmt::print("library versions: {}\n", crypto::tls_library_version());
  fmt::print("speaks the protocol of OpenVPN 2.4 to 2.7\n");
}

void show_ciphers() {
  fmt::print("Ciphers of the data channel, for data-ciphers:\n\n");
  for (const std::string_view name : config::usable_cipher_names()) {
    const auto algorithm = crypto::aead_from_name(name);
    if (algorithm) fmt::print("{}  ({} bit key)\n", name, 8 * crypto::aead_key_size(*algorithm));
  }
}

void show_digests() {
  fmt::print("Digests of tls-auth, for auth:\n\n");
  for (const std::string_view name : config::digest_names()) {
    if (const auto digest = crypto::Digest::from_name(name))
      fmt::print("{} {} bit digest size\n", name, 8 * digest->size());
  }
}

void show_tls(const config::Options& options) {
  crypto::TlsSettings settings;
  settings.cipher = options.tls.ciphers;
  settings.ciphersuites = options.tls.ciphersuites;
  settings.cert_profile = crypto::TlsCertProfile::legacy;
  const auto [tls13, up_to_tls12] = crypto::tls_suites(settings);
  fmt::print("Suites of TLS, best first.\n\nFor TLS 1.3 (tls-ciphersuites):\n\n");
  for (const std::string& name : tls13) fmt::print("{}\n", name);
  fmt::print("\nFor TLS 1.2 and older (tls-cipher):\n\n");
  for (const std::string& name : up_to_tls12) fmt::print("{}\n", name);
}

void show_groups() {
  fmt::print("Groups for the key exchange of TLS, for tls-groups:\n\n");
  for (const std::string& name : crypto::tls_group_names()) fmt::print("{}\n", name);
}

void make_persistent_device(const config::Options& options) {
  tunio::TunDevice device = open_named(options);
  const tunio::UniqueFd& queue = device.queues().front();
  if (!options.process.user.empty()) tunio::set_owner(queue, user_id(options.process.user));
  if (!options.process.group.empty()) tunio::set_group(queue, group_id(options.process.group));
  tunio::set_persistence(queue, tunio::Persistence::persistent);
  fmt::print("{} stays\n", device.name());
}

void remove_persistent_device(const config::Options& options) {
  tunio::TunDevice device = open_named(options);
  tunio::set_persistence(device.queues().front(), tunio::Persistence::transient);
  fmt::print("{} is removed\n", device.name());
}

}  // namespace vpnd
