// What a server applies to one client only: a file of client-config-dir, or the output of a hook.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/config/options.hpp"

namespace vpnd::config {

enum class PushChangeKind : std::uint8_t { add, remove, reset };

struct PushChange {
  PushChangeKind kind = PushChangeKind::add;
  std::string text;  // add: the option; remove: its beginning; reset: empty
  Location where;
};

struct ClientAddress {
  tunio::IpAddress address;
  tunio::IpAddress netmask_or_peer;
};

struct ClientAddressIpv6 {
  tunio::Prefix address;
  std::optional<tunio::IpAddress> gateway;  // absent: the server's own address
};

struct ClientConfig {
  bool disabled = false;
  std::optional<ClientAddress> address;             // ifconfig-push
  std::optional<ClientAddressIpv6> address_ipv6;    // ifconfig-ipv6-push
  std::vector<tunio::Prefix> networks;              // iroute and iroute-ipv6
  std::vector<PushChange> push_changes;             // in the order of the file
  std::optional<std::vector<std::string>> ciphers;  // data-ciphers, best first
  std::optional<unsigned> max_networks;             // max-routes-per-client
  std::optional<std::string> username;              // override-username
};

struct ParsedClientConfig {
  ClientConfig config;
  std::vector<Diagnostic> warnings;  // unknown or malformed lines; they are left out
};

// Never throws for content: a faulty line costs itself, not the client. `disable` counts even with arguments.
ParsedClientConfig parse_client_config(std::string_view text, const std::string& source);

// Adds what a later source gives: what it says once takes the place of the earlier word, lists grow.
void add(ClientConfig& config, ClientConfig&& later);

// The options to push to a client: the common ones with the client's changes applied, in order, and without
// the routes to networks that lie behind the client itself.
std::vector<PushedText> merge_push(const std::vector<PushedText>& common, const ClientConfig& client);

// The file name for a common name, as OpenVPN makes it: '/' and control characters become '_', and so do the
// dots of
// "." and "..". Empty for an empty name: then only the file DEFAULT remains.
std::string client_config_file_name(std::string_view common_name);

}  // namespace vpnd::config
