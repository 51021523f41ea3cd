#include <fmt/format.h>

#include <algorithm>

#include "vpnd/config/finish.hpp"
#include "vpnd/config/programs.hpp"

namespace vpnd::config {

namespace {

class Checker {
 public:
  explicit Checker(Draft& draft) : draft_(draft), options_(draft.options) {}

  void run() {
    if (options_.mode == Mode::server) {
      if (!options_.point_to_point) check_server_addresses();
      check_server_files();
      check_server_passwords();
      check_server_compression();
    } else {
      check_client_authentication();
      check_client_verification();
    }
    check_sockets();
    check_certificate();
    check_tls();
    check_control_wrap(options_.link.control_wrap);
    for (const Remote& remote : options_.client.remotes) check_control_wrap(remote.link.control_wrap);
    check_scripts();
    check_hooks_of_the_role();
    check_management();
    throw_if_any(std::move(faults_));
  }

 private:
  void check_server_addresses() {
    const AddressOptions& own = options_.tunnel.addresses;
    if (!own.local && !own.local_ipv6)
      return fail(whole(), "", "a server needs an address in the tunnel; write server NETWORK NETMASK");
    if (!draft_.ifconfig || own.topology != Topology::subnet) return;
    const auto bits = tunio::prefix_length(*own.netmask_or_peer);
    if (!bits) return fail(*draft_.ifconfig, own.netmask_or_peer->format(), "must be a netmask on a server");
    const tunio::Prefix network{*own.local, *bits};
    const auto& pool = options_.server.pool;
    if (pool && (!network.contains(pool->first) || !network.contains(pool->last))) {
      fail(*draft_.ifconfig_pool, "ifconfig-pool",
           fmt::format("lies outside of our network {}", network.network().format()));
    }
  }

  void check_server_files() {
    const ServerOptions& server = options_.server;
    if (server.ccd_exclusive && server.client_config_dir.empty())
      fail(where_of("ccd-exclusive"), "ccd-exclusive", "has no folder to look into; add client-config-dir");
    const bool any_tcp =
        std::any_of(server.listeners.begin(), server.listeners.end(),
                    [](const Listener& listener) { return listener.protocol.transport == Transport::tcp; });
    const bool has_v2_key = options_.link.control_wrap.kind == ControlWrapKind::tls_crypt_v2;
    for (const char* name : {"tls-crypt-v2-verify", "tls-crypt-v2-max-age"}) {
      if (const Diagnostic* word = has_v2_key ? nullptr : find_server_word(name))
        fail(word->where, name, "needs tls-crypt-v2: other keys say nothing about a client");
    }
    if (server.port_share && !any_tcp)
      fail(server.port_share->where, "port-share", "needs proto tcp-server, or a local with tcp");
    if (!server.pool_persistence) return;
    if (!server.pool && !server.pool_ipv6) {
      fail(where_of("ifconfig-pool-persist"), "ifconfig-pool-persist",
           "there is no pool; add server or ifconfig-pool");
    }
    if (server.duplicate_cn) {
      draft_.warn(where_of("ifconfig-pool-persist"), "ifconfig-pool-persist",
                  "has no effect together with duplicate-cn: one name may have many addresses");
    }
  }

  void check_server_passwords() {
    const ServerOptions& server = options_.server;
    if (server.password_verifier) {
      const bool in_environment = server.password_verifier->transfer == PasswordTransfer::via_environment;
      if (in_environment && options_.scripts.security < 3) {
        fail(server.password_verifier->command.where, "via-env",
             "needs script-security 3; via-file needs only 2");
      }
      return;
    }
    if (options_.management.client_auth) return;
    for (const char* name : {"auth-user-pass-optional", "username-as-common-name", "auth-gen-token"}) {
      if (const Diagnostic* word = find_server_word(name))
        fail(word->where, name, "needs auth-user-pass-verify: nobody checks passwords");
    }
    if (options_.tls.client_certificate != ClientCertificate::require) {
      fail(*draft_.verify_client_cert, "verify-client-cert",
           "without auth-user-pass-verify anybody could connect; add it, or write require");
    }
  }

  void check_server_compression() {
    if (draft_.compression) {
      fail(draft_.compression->where, draft_.compression->word,
           "a server that compresses is not supported; remove it");
    }
  }

  void check_client_authentication() {
    const TlsOptions& tls = options_.tls;
    if (options_.client.static_challenge && !options_.client.credentials)
      fail(whole(), "static-challenge", "needs auth-user-pass: the answer goes with the password");
    const bool has_identity =
        tls.certificate || tls.private_key || tls.pkcs12 || options_.management.external_key;
    if (!has_identity && !options_.client.credentials)
      fail(whole(), "", "a client needs cert and key, or auth-user-pass");
  }

  void check_sockets() {
    const bool is_server = options_.mode == Mode::server;
    const auto over_udp = [](const auto& end) { return end.protocol.transport == Transport::udp; };
    const auto at_all_addresses = [&](const Listener& listener) {
      return over_udp(listener) && listener.host.empty();
    };
    const bool any_udp = is_server ? std::ranges::any_of(options_.server.listeners, over_udp)
                                   : std::ranges::any_of(options_.client.remotes, over_udp);
    if (options_.socket.pass_tos && !any_udp)
      draft_.warn(whole(), "passtos", "has no effect over TCP, whose packets belong to no packet inside");
    if (!options_.socket.multihome) return;
    if (!is_server) {
      draft_.warn(whole(), "multihome", "has no effect on a client: it speaks with one server at a time");
    } else if (std::ranges::none_of(options_.server.listeners, at_all_addresses)) {
      draft_.warn(whole(), "multihome", "has no effect: nothing listens at all addresses over UDP");
    }
  }

  void check_client_verification() {
    const TlsOptions& tls = options_.tls;
    const bool told_apart = tls.peer_purpose || tls.expected_name || !tls.peer_fingerprints.empty() ||
                            tls.key_usages || !tls.extended_key_usage.empty();
    if ((tls.ca || tls.ca_directory) && !told_apart) {
      draft_.warn(whole(), "",
                  "any certificate of the ca may pose as the server; add remote-cert-tls server");
    }
    if (tls.peer_purpose == CertificatePurpose::client)
      draft_.warn(whole(), "remote-cert-tls", "the peer of a client is a server; client is unusual here");
  }

  // management-external-key
  void check_external_key(const ExternalKeyOptions& key) {
    if (!options_.management.enabled()) return;  // check_management() says so
    const TlsOptions& tls = options_.tls;
    const bool asks_for_certificate = !options_.management.external_certificate.empty();
    constexpr std::string_view kWord = "management-external-key";
    if (tls.private_key)
      fail(tls.private_key->where, "key", fmt::format("{} signs with another; remove one of them", kWord));
    if (tls.pkcs12)
      fail(tls.pkcs12->where, "pkcs12", fmt::format("{} signs with another; remove one of them", kWord));
    if (tls.certificate && asks_for_certificate)
      fail(tls.certificate->where, "cert", "management-external-cert asks for another; remove one of them");
    if (!tls.certificate && !tls.pkcs12 && !asks_for_certificate)
      fail(key.where, std::string(kWord), "needs a certificate: add cert, or management-external-cert");
  }

  void check_certificate() {
    check_identity();
    check_trust();
  }

  void check_identity() {
    const auto& external = options_.management.external_key;
    if (external && options_.mode == Mode::client) return check_external_key(*external);
    const TlsOptions& tls = options_.tls;
    if (tls.certificate && !tls.private_key && !tls.pkcs12)
      fail(tls.certificate->where, "cert", "is of no use alone; add key");
    if (!tls.certificate && tls.private_key && !tls.pkcs12)
      fail(tls.private_key->where, "key", "is of no use alone; add cert");
    const bool server = options_.mode == Mode::server;
    for (const auto* other : {&tls.certificate, &tls.private_key}) {
      if (tls.pkcs12 && *other) {
        fail((*other)->where, other == &tls.certificate ? "cert" : "key",
             "pkcs12 has it already; remove one");
      }
    }
    if (server && !tls.certificate && !tls.private_key && !tls.pkcs12)
      fail(whole(), "", "a server needs cert and key");
  }

  void check_trust() {
    const TlsOptions& tls = options_.tls;
    const bool server = options_.mode == Mode::server;
    const bool checks_peer = !server || tls.client_certificate != ClientCertificate::none;
    const bool has_ca = tls.ca || tls.ca_directory || tls.pkcs12;
    if (checks_peer && !has_ca && tls.peer_fingerprints.empty()) {
      fail(whole(), "",
           fmt::format("no way to check the {}: add ca or peer-fingerprint", server ? "clients" : "server"));
    }
    for (const auto* list : {&tls.crl, &tls.revoked_serials})
      if (*list && !has_ca) fail((*list)->where, "crl-verify", "needs ca: fingerprints cannot be revoked");
    if (!tls.issuer_hashes.empty() && !has_ca)
      fail(whole(), "verify-hash", "needs ca: without it nobody has signed; use peer-fingerprint");
  }

  void check_tls() {
    const TlsOptions& tls = options_.tls;
    if (tls.version_max && *tls.version_max < tls.version_min) {
      fail(whole(), "tls-version-max",
           "lies below tls-version-min; raise it, or lower that (1.2 unless given)");
    }
  }

  void check_control_wrap(const ControlWrapOptions& wrap) {
    if (wrap.kind == ControlWrapKind::tls_auth && options_.data.digest == "none")
      fail(wrap.key.where, "tls-auth", "needs a digest; remove auth none");
  }

  void check_scripts() {
    if (options_.scripts.security >= 2) return;
    const auto& verifier = options_.server.password_verifier;
    for (const auto& [directive, command] : programs(options_)) {
      const bool judged_elsewhere =
          verifier && command == &verifier->command &&
          (verifier->is_helper || verifier->transfer == PasswordTransfer::via_environment);
      if (!judged_elsewhere) fail(command->where, std::string(directive), "needs script-security 2");
    }
  }

  void check_hooks_of_the_role() {
    const ScriptOptions& scripts = options_.scripts;
    if (!scripts.export_certificates.empty() && !scripts.tls_verify) {
      draft_.warn(whole(), "tls-export-cert",
                  "has no effect without tls-verify: nobody would read the files");
    }
    if (options_.mode != Mode::server || options_.point_to_point) return;
    if (const auto& ip_change = options_.scripts.ip_change)
      fail(ip_change->where, "ipchange", "a server has many peers; use client-connect instead");
    if (options_.scripts.up_delay)
      draft_.warn(whole(), "up-delay", "has no effect on a server: it has no single other end");
  }

  static bool is_for_client(std::string_view word) {
    return word.starts_with("management-query-") || word.starts_with("management-external-");
  }

  void check_management() {
    const ManagementOptions& management = options_.management;
    for (const Diagnostic& word : draft_.management_words) {
      if (!management.enabled()) {
        fail(word.where, word.word, "needs management: nobody could talk to the daemon");
      } else if (word.word.starts_with("management-client-") && word.word != "management-client-auth" &&
                 management.port != 0) {
        fail(word.where, word.word, "needs a unix socket: management PATH unix");
      } else if (const bool for_server = word.word == "management-client-auth";
                 (for_server && (options_.mode == Mode::client || options_.point_to_point)) ||
                 (is_for_client(word.word) && options_.mode == Mode::server)) {
        fail(word.where, word.word,
             for_server ? "is for a server of many clients; remove it" : "is for a client; remove it");
      } else if (word.word == "management-external-cert" && !management.external_key) {
        fail(word.where, word.word, "needs management-external-key: the certificate's key is there, too");
      }
    }
  }

  const Diagnostic* find_server_word(std::string_view name) const {
    for (const Diagnostic& word : draft_.server_words)
      if (word.word == name) return &word;
    return nullptr;
  }

  Location where_of(std::string_view server_word) const {
    const Diagnostic* word = find_server_word(server_word);
    return word != nullptr ? word->where : whole();
  }

  Location whole() const { return {draft_.source, 0}; }

  void fail(const Location& where, std::string word, std::string text) {
    Diagnostic fault{where, std::move(word), std::move(text)};
    for (const Diagnostic& known : faults_)
      if (known == fault) return;
    faults_.push_back(std::move(fault));
  }

  Draft& draft_;
  Options& options_;
  std::vector<Diagnostic> faults_;
};

}  // namespace

void check_consistency(Draft& draft) {
  Checker(draft).run();
}

}  // namespace vpnd::config
