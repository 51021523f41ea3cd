// What handlers fill in while statements are read: the options, and the words that get their meaning only
// when all is read (macros, defaults that depend on the role, remotes that inherit from the rest of the
// file).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vpnd/config/options.hpp"

namespace vpnd::config {

struct RemoteWords {
  std::string host;
  std::optional<std::uint16_t> port;
  std::optional<Protocol> protocol;
  Location where;
};

struct ListenerWords {
  std::string host;
  std::optional<std::uint16_t> port;
  std::optional<Protocol> protocol;
  Location where;
};

// `tcp-server` and `tcp-client` say which end we are; the other protocol names do not.
enum class ProtocolEnd : std::uint8_t { either, client, server };

// What a `<connection>` block may set; the one outside of any block is the default of all.
struct LinkDraft {
  LinkOptions link;
  std::optional<std::uint16_t> port;
  std::optional<std::uint16_t> local_port;
  std::optional<std::uint16_t> remote_port;
  Protocol protocol;
  ProtocolEnd protocol_end = ProtocolEnd::either;
  Location protocol_where;
  std::optional<Location> nobind;
  bool bind = false;
  std::optional<ControlWrapOptions> tls_auth;  // these three exclude each other within one link
  std::optional<ControlWrapOptions> tls_crypt;
  std::optional<ControlWrapOptions> tls_crypt_v2;
  std::optional<unsigned> key_direction;
  std::optional<ProxyOptions> http_proxy;  // without a host: only words about one were read
  std::optional<ProxyOptions> socks_proxy;
  bool mssfix_given = false;
  std::vector<RemoteWords> remotes;
  Location where;  // the block
};

struct ServerMacro {
  tunio::Prefix network;
  bool with_pool = true;
  Location where;
};

struct ServerIpv6Macro {
  tunio::Prefix network;
  Location where;
};

struct KeepaliveMacro {
  std::chrono::seconds ping{0};
  std::chrono::seconds restart{0};
  Location where;
};

// The version whose defaults are wanted: 2.MINOR.
struct CompatMode {
  unsigned minor = 0;
  Location where;
};

struct Draft {
  Options options;
  std::vector<Diagnostic> warnings;

  LinkDraft common;
  LinkDraft* open_block = nullptr;  // the `<connection>` block being read
  std::vector<LinkDraft> blocks;
  std::vector<ListenerWords> listeners;
  bool bind_ipv6_only = false;

  std::optional<ProxyOptions> http_proxy_override;

  std::optional<Location> client;  // the words that choose the role
  std::optional<Location> pull;
  std::optional<Location> tls_client;
  std::optional<Location> tls_server;
  std::optional<Location> mode_server;
  std::optional<ServerMacro> server;
  std::optional<ServerIpv6Macro> server_ipv6;
  std::optional<KeepaliveMacro> keepalive;
  std::optional<Location> ping;
  std::optional<Location> ping_timeout;
  std::optional<Location> ifconfig;
  std::optional<Location> ifconfig_pool;
  std::optional<Location> ifconfig_ipv6_pool;
  std::optional<Location> topology;
  std::optional<CompatMode> compat_mode;
  std::optional<Location> tls_version_min;
  std::optional<Location> verify_client_cert;
  std::optional<Material> auth_token_secret;
  std::optional<Material> auth_user_pass;  // empty path and content: ask

  // Directives of one role, for the check against the role that comes out in the end.
  std::vector<Diagnostic> server_words;
  std::vector<Diagnostic> client_words;
  std::vector<Diagnostic> management_words;
  std::optional<Diagnostic> compression;  // a real algorithm was asked for, by this word

  std::string source = "command line";  // the first file that was read; for messages about what is missing
  std::set<std::string, std::less<>> ignored_names;  // ignore-unknown-option

  LinkDraft& link() { return open_block != nullptr ? *open_block : common; }
  void warn(const Location& where, std::string word, std::string text) {
    warnings.push_back({where, std::move(word), std::move(text)});
  }
};

}  // namespace vpnd::config
