// What only a server, or only a client, has.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vpnd/config/diagnostic.hpp"
#include "vpnd/config/material.hpp"
#include "vpnd/config/transport_options.hpp"
#include "vpnd/config/tunnel_options.hpp"

namespace vpnd::config {

// Words of a command as they are executed, without a shell. Never empty where it is engaged.
struct Command {
  std::vector<std::string> words;
  Location where;
};

// At most `count` in any `period`.
struct Frequency {
  unsigned count = 0;
  std::chrono::seconds period{0};

  bool operator==(const Frequency&) const = default;
};

struct AddressRange {  // both ends belong to it
  tunio::IpAddress first;
  tunio::IpAddress last;

  bool operator==(const AddressRange&) const = default;
};

struct PoolPersistence {
  std::filesystem::path path;
  std::chrono::seconds interval{600};  // 0: the file is only read
};

struct PushedText {
  std::string text;  // one option as it goes on the wire; no comma in it
  Location where;
};

enum class PasswordTransfer : std::uint8_t { via_environment, via_file };

struct PasswordVerifier {
  Command command;
  PasswordTransfer transfer = PasswordTransfer::via_file;
  bool is_helper = false;  // ours, not a script of the user
};

// auth-gen-token: clients get a token that counts instead of their password from then on.
struct AuthTokenOptions {
  std::chrono::seconds lifetime{0};             // of a session; 0: no limit
  std::optional<std::chrono::seconds> renewal;  // absent: reneg-sec
  bool external_auth = false;                   // the password script is asked about tokens too
  std::optional<Material> secret;               // absent: a random one, which ends with the process
  Location where;
};

// Another server that a TCP port is shared with.
struct PortShareTarget {
  std::string host;
  std::uint16_t port = 0;
  Location where;
};

struct ServerOptions {
  std::vector<Listener> listeners;        // at least one on a server
  std::optional<AddressRange> pool;       // ifconfig-pool, or from `server`
  std::optional<std::uint8_t> pool_bits;  // prefix length that clients get with an address of the pool
  std::optional<tunio::Prefix>
      pool_ipv6;  // first address to give out, and the prefix length that goes with it
  std::optional<PoolPersistence> pool_persistence;
  std::vector<PushedText> push;             // in the order they are sent
  std::filesystem::path client_config_dir;  // empty: none
  bool ccd_exclusive = false;
  bool client_to_client = false;
  bool duplicate_cn = false;
  unsigned max_clients = 1024;
  unsigned max_routes_per_client = 256;                        // networks behind one client
  std::optional<Frequency> connect_frequency;                  // new clients
  Frequency initial_frequency{100, std::chrono::seconds{10}};  // unauthenticated handshakes
  std::optional<PortShareTarget> port_share;
  std::optional<Command> client_key_verifier;       // tls-crypt-v2-verify
  std::optional<std::chrono::days> client_key_age;  // tls-crypt-v2-max-age: the most
  std::optional<unsigned> tcp_queue_limit_packets;  // none: by the bytes of OutboundLimits
  bool username_as_common_name = false;
  bool password_optional = false;  // auth-user-pass-optional
  std::optional<PasswordVerifier> password_verifier;
  std::optional<AuthTokenOptions> auth_token;
};

enum class FilterAction : std::uint8_t { accept, ignore, reject };

struct PullFilter {  // the first whose prefix fits decides
  FilterAction action = FilterAction::accept;
  std::string prefix;
};

enum class AuthRetry : std::uint8_t { none, no_interact, interact };

struct Credentials {
  std::optional<std::string> username;    // absent: ask for it
  std::optional<SensitiveText> password;  // absent: ask for it
  Location where;
};

enum class ChallengeFormat : std::uint8_t { scrv1, concatenated };

// static-challenge: what to ask for together with the password.
struct StaticChallenge {
  std::string question;
  bool echo = false;  // the response may be seen
  ChallengeFormat format = ChallengeFormat::scrv1;
};

struct ClientOptions {
  std::vector<Remote> remotes;                        // at least one on a client; in order of trial
  bool random_order = false;                          // remote-random: shuffle once
  bool random_hostname = false;                       // a random label in front of the names of remotes
  std::optional<Transport> transport;                 // proto-force: remotes of the other one are left out
  bool exit_on_tls_failure = false;                   // tls-exit
  std::optional<std::chrono::seconds> resolve_retry;  // absent: for ever
  unsigned connect_attempts = 0;                      // connect-retry-max; 0: no limit
  std::optional<Credentials> credentials;             // auth-user-pass
  AuthRetry auth_retry = AuthRetry::none;
  std::optional<StaticChallenge> static_challenge;
  bool forget_credentials = false;     // auth-nocache
  bool ignore_routes_and_dns = false;  // route-nopull
  bool resolve_pulled_routes = false;  // allow-pull-fqdn
  std::vector<PullFilter> pull_filters;
  bool push_peer_info = false;
};

}  // namespace vpnd::config
