// The directives that only a server has. What may stand only in a client-config file has no handler here: see
// client_config.cpp.

#include <fmt/format.h>

#include <filesystem>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/helper_path.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr std::int64_t kMaxSeconds = 86400;
constexpr std::int64_t kMaxTokenSeconds = std::int64_t{10} * 365 * 86400;
constexpr unsigned kMaxPeerIds = 0xFFFFFF;  // 24 bits, the last one stands for "none"

void mode(const Arguments& a, Draft& draft) {
  draft.mode_server.reset();
  if (a.choice<bool>(0, {{"server", true}, {"p2p", false}})) draft.mode_server = a.where();
}

void tls_server(const Arguments& a, Draft& draft) {
  draft.tls_server = a.where();
}

void server(const Arguments& a, Draft& draft) {
  const tunio::Prefix network{a.ipv4(0), a.netmask(1)};
  constexpr std::uint8_t kLargest = 16;
  constexpr std::uint8_t kSmallest = 29;
  if (network.length < kLargest || network.length > kSmallest)
    a.fail(a[1], "the network must have a netmask from 255.255.0.0 to 255.255.255.248");
  if (network.network() != network) {
    a.fail(a[0], fmt::format("not the address of a network with this netmask; did you mean {}?",
                             network.network().address.format()));
  }
  if (a.has(2)) a.choice<int>(2, {{"nopool", 0}});
  draft.server = ServerMacro{network, !a.has(2), a.where()};
}

void server_ipv6(const Arguments& a, Draft& draft) {
  const tunio::Prefix network = a.ipv6_prefix(0);
  if (network.length < 64 || network.length > 124) a.fail(a[0], "the network must be from /64 to /124");
  if (network.network() != network)
    a.fail(a[0], fmt::format("not the address of a network; did you mean {}?", network.network().format()));
  draft.server_ipv6 = ServerIpv6Macro{network, a.where()};
}

void ifconfig_pool(const Arguments& a, Draft& draft) {
  const AddressRange range{a.ipv4(0), a.ipv4(1)};
  if (range.last < range.first) a.fail(a[1], "the end of the pool lies before its start");
  if (range.last.v4_value() - range.first.v4_value() >= 65536)
    a.fail(a[1], "a pool may have 65536 addresses at most");
  draft.options.server.pool = range;
  if (a.has(2)) draft.options.server.pool_bits = a.netmask(2);
  draft.ifconfig_pool = a.where();
}

void ifconfig_ipv6_pool(const Arguments& a, Draft& draft) {
  const tunio::Prefix first = a.ipv6_prefix(0);
  if (first.length < 64 || first.length > 124) a.fail(a[0], "the network must be from /64 to /124");
  draft.options.server.pool_ipv6 = first;
  draft.ifconfig_ipv6_pool = a.where();
}

void ifconfig_pool_persist(const Arguments& a, Draft& draft) {
  PoolPersistence persistence{a[0], std::chrono::seconds{600}};
  if (a.has(1)) persistence.interval = a.seconds(1, 0, kMaxSeconds);
  draft.options.server.pool_persistence = std::move(persistence);
}

void push(const Arguments& a, Draft& draft) {
  check_pushed_text(a, a[0]);
  draft.options.server.push.push_back({a[0], a.where()});
}

void client_config_dir(const Arguments& a, Draft& draft) {
  draft.options.server.client_config_dir = a[0];
}

template <bool ServerOptions::*Member>
void flag(const Arguments&, Draft& draft) {
  draft.options.server.*Member = true;
}

void max_clients(const Arguments& a, Draft& draft) {
  draft.options.server.max_clients = a.number<unsigned>(0, 1, kMaxPeerIds);
}

void max_routes_per_client(const Arguments& a, Draft& draft) {
  draft.options.server.max_routes_per_client = a.number<unsigned>(0, 1, 65536);
}

Frequency frequency(const Arguments& a) {
  return {a.number<unsigned>(0, 1, 1000000), a.seconds(1, 1, kMaxSeconds)};
}
void connect_freq(const Arguments& a, Draft& draft) {
  draft.options.server.connect_frequency = frequency(a);
}
void connect_freq_initial(const Arguments& a, Draft& draft) {
  draft.options.server.initial_frequency = frequency(a);
}

void tcp_queue_limit(const Arguments& a, Draft& draft) {
  draft.options.server.tcp_queue_limit_packets = a.number<unsigned>(0, 1, 65536);
}

void port_share(const Arguments& a, Draft& draft) {
  if (a.has(2)) a.fail(a[2], "vpnd writes no files about connections that it passes on; leave it out");
  draft.options.server.port_share = PortShareTarget{a[0], a.port(1), a.where()};
}

void tls_crypt_v2_verify(const Arguments& a, Draft& draft) {
  draft.options.server.client_key_verifier = read_command(a, 0);
}

void tls_crypt_v2_max_age(const Arguments& a, Draft& draft) {
  draft.options.server.client_key_age = std::chrono::days{a.number<std::uint16_t>(0, 1)};
}

void verify_client_cert(const Arguments& a, Draft& draft) {
  using enum ClientCertificate;
  draft.options.tls.client_certificate =
      a.has(0)
          ? a.choice<ClientCertificate>(0, {{"none", none}, {"optional", optional}, {"require", require}})
          : require;
  draft.verify_client_cert = a.where();
}

template <std::optional<Command> ScriptOptions::*Member>
void server_script(const Arguments& a, Draft& draft) {
  draft.options.scripts.*Member = read_command(a, 0);
}

void auth_user_pass_verify(const Arguments& a, Draft& draft) {
  using enum PasswordTransfer;
  auto& verifier = draft.options.server.password_verifier;
  if (verifier && verifier->is_helper) a.fail(a.name(), "plugin checks passwords already; keep one of them");
  verifier =
      PasswordVerifier{read_command(a, 0),
                       a.choice<PasswordTransfer>(1, {{"via-env", via_environment}, {"via-file", via_file}})};
}

// Others would be code of somebody else inside the daemon.
void plugin(const Arguments& a, Draft& draft) {
  const std::string module = std::filesystem::path(a[0]).filename().string();
  if (module.find("down-root") != std::string::npos) {
    a.fail(
        a[0],
        "vpnd needs no plugin for it: it takes its routes and addresses back without being root; remove it");
  }
  if (module.find("auth-pam") == std::string::npos) {
    a.fail(a[0],
           "vpnd loads no plugins, except that it stands in for openvpn-plugin-auth-pam.so; "
           "use auth-user-pass-verify with a program that does the same");
  }
  if (!a.has(1)) a.fail(a[0], "needs the name of a PAM service, such as login");
  auto& verifier = draft.options.server.password_verifier;
  if (verifier) a.fail(a.name(), "there is one that checks passwords already; keep one of them");
  Command command{{helper_path("vpnd-auth-pam").string()}, a.where()};
  for (std::size_t i = 1; i < a.size(); ++i) command.words.push_back(a[i]);
  verifier = PasswordVerifier{std::move(command), PasswordTransfer::via_file, true};
}

void auth_gen_token(const Arguments& a, Draft& draft) {
  AuthTokenOptions token;
  token.where = a.where();
  if (a.has(0)) token.lifetime = a.seconds(0, 0, kMaxTokenSeconds);
  for (std::size_t i = 1; i < a.size(); ++i) {
    const bool number = i == 1 && a[i] != "external-auth";
    if (number) {
      const auto renewal = a.seconds(i, 0, kMaxTokenSeconds);
      if (renewal.count() > 0) token.renewal = renewal;
    } else {
      token.external_auth = a.choice<bool>(i, {{"external-auth", true}});
    }
  }
  draft.options.server.auth_token = std::move(token);
}

void auth_gen_token_secret(const Arguments& a, Draft& draft) {
  if (!a.has(0) && !a.is_inline()) a.fail(a.name(), "takes FILE");
  draft.auth_token_secret = a.material();
}

constexpr Topic kTopic = Topic::server;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"server", kTopic, kWorks, kAnywhere, {2, 3}, Inline::no, server,
     "NETWORK NETMASK [nopool]", "be a server that gives out addresses of this network"},
    {"server-ipv6", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, server_ipv6,
     "NETWORK/BITS", "the same for IPv6"},
    {"mode", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, mode,
     "server|p2p", "be a server, without what else server does; or one of two ends (p2p)"},
    {"tls-server", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, tls_server,
     "", "be the server of TLS; without mode server: the end of two that listens"},
    {"ifconfig-pool", kTopic, kWorks, kAnywhere, {2, 3}, Inline::no, ifconfig_pool,
     "FIRST LAST [NETMASK]", "addresses for clients"},
    {"ifconfig-ipv6-pool", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, ifconfig_ipv6_pool,
     "FIRST/BITS", "IPv6 addresses for clients"},
    {"ifconfig-pool-persist", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, ifconfig_pool_persist,
     "FILE [SECONDS]", "remember who had which address (600); 0: read only"},
    {"push", kTopic, kWorks, kAnywhere | kInClientConfig, {1, 1}, Inline::no, push,
     "\"OPTION\"", "send this option to every client"},
    {"client-config-dir", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, client_config_dir,
     "DIR", "a file for each client, by common name"},
    {"ccd-exclusive", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, flag<&ServerOptions::ccd_exclusive>,
     "", "refuse clients without such a file"},
    {"client-to-client", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no,
     flag<&ServerOptions::client_to_client>,
     "", "carry packets between clients, past the tunnel device"},
    {"duplicate-cn", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, flag<&ServerOptions::duplicate_cn>,
     "", "let several clients use one certificate"},
    {"max-clients", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, max_clients,
     "N", "most clients at a time (1024)"},
    {"max-routes-per-client", kTopic, kWorks, kAnywhere | kInClientConfig, {1, 1}, Inline::no,
     max_routes_per_client,
     "N", "most networks behind one client (256)"},
    {"connect-freq", kTopic, kWorks, kAnywhere, {2, 2}, Inline::no, connect_freq,
     "N SECONDS", "most new clients in this time"},
    {"connect-freq-initial", kTopic, kWorks, kAnywhere, {2, 2}, Inline::no, connect_freq_initial,
     "N SECONDS", "most first packets answered in this time (100 10)"},
    {"port-share", kTopic, kWorks, kAnywhere, {2, 3}, Inline::no, port_share,
     "HOST PORT", "pass TCP connections that are not OpenVPN's on to this server"},
    {"tcp-queue-limit", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tcp_queue_limit,
     "PACKETS", "most packets waiting for one TCP client (64)"},
    {"tls-crypt-v2-verify", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_crypt_v2_verify,
     "COMMAND", "ask this program about each tls-crypt-v2 client key"},
    {"tls-crypt-v2-max-age", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_crypt_v2_max_age,
     "DAYS", "refuse tls-crypt-v2 client keys that are older, or do not tell their age"},
    {"verify-client-cert", kTopic, kWorks, kAnywhere, {0, 1}, Inline::no, verify_client_cert,
     "none|optional|require", "whether clients need a certificate (require)"},
    {"auth-user-pass-verify", kTopic, kWorks, kAnywhere, {2, 2}, Inline::no, auth_user_pass_verify,
     "COMMAND via-env|via-file", "ask this program about user names and passwords"},
    {"client-connect", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, server_script<&ScriptOptions::client_connect>,
     "COMMAND", "ask this program whether a client may come in, and what it is given"},
    {"client-disconnect", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no,
     server_script<&ScriptOptions::client_disconnect>,
     "COMMAND", "called when such a client has left"},
    {"learn-address", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, server_script<&ScriptOptions::learn_address>,
     "COMMAND", "ask this program whose an address in the tunnel may be"},
    {"client-crresponse", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no,
     server_script<&ScriptOptions::challenge_response>,
     "COMMAND", "called with a client's answer to a challenge"},
    {"plugin", kTopic, kWorks, kAnywhere, {1, kAnyNumber}, Inline::no, plugin,
     "openvpn-plugin-auth-pam.so SERVICE [PROMPT ANSWER]…", "ask PAM about user names and passwords"},
    {"auth-user-pass-optional", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no,
     flag<&ServerOptions::password_optional>,
     "", "let clients in that send no user name"},
    {"auth-gen-token", kTopic, kWorks, kAnywhere, {0, 3}, Inline::no, auth_gen_token,
     "[LIFETIME [RENEWAL] [external-auth]]",
     "give clients a token that counts instead of their password; seconds, 0: no limit"},
    {"auth-gen-token-secret", kTopic, kWorks, kAnywhere, {0, 1}, Inline::yes, auth_gen_token_secret,
     "FILE", "the key of these tokens, so that they survive a restart; see --genkey auth-token"},
    {"username-as-common-name", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no,
     flag<&ServerOptions::username_as_common_name>,
     "", "know clients by user name, not by certificate"},
    {"ifconfig-push", kTopic, kWorks, kInClientConfig, {2, 2}, Inline::no, nullptr,
     "ADDRESS NETMASK", "client file: the client's address"},
    {"ifconfig-ipv6-push", kTopic, kWorks, kInClientConfig, {1, 2}, Inline::no, nullptr,
     "ADDRESS/BITS [GATEWAY]", "client file: the client's IPv6 address"},
    {"iroute", kTopic, kWorks, kInClientConfig, {1, 2}, Inline::no, nullptr,
     "NETWORK [NETMASK]", "client file: a network behind the client"},
    {"iroute-ipv6", kTopic, kWorks, kInClientConfig, {1, 1}, Inline::no, nullptr,
     "NETWORK/BITS", "client file: an IPv6 network behind the client"},
    {"push-reset", kTopic, kWorks, kInClientConfig, {0, 0}, Inline::no, nullptr,
     "", "client file: forget the options pushed so far"},
    {"push-remove", kTopic, kWorks, kInClientConfig, {1, 1}, Inline::no, nullptr,
     "BEGINNING", "client file: forget pushed options that begin so"},
    {"override-username", kTopic, kWorks, kInClientConfig, {1, 1}, Inline::no, nullptr,
     "NAME", "client file: the user name to know the client by from here on"},
    {"disable", kTopic, kWorks, kInClientConfig, {0, 0}, Inline::no, nullptr,
     "", "client file: refuse the client"},
};
// clang-format on

}  // namespace

std::span<const Directive> server_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
