// Readers for values that stand in more than one place: configuration files, pushed options, client-config
// files. All of them throw ConfigError naming the word at fault.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/config/arguments.hpp"
#include "vpnd/config/draft.hpp"

namespace vpnd::config {

struct ProtocolWord {
  Protocol protocol;
  ProtocolEnd end = ProtocolEnd::either;
};
ProtocolWord read_protocol(const Arguments& arguments, std::size_t index);

enum class HostNames : std::uint8_t { refused, allowed };
// NETWORK [NETMASK [GATEWAY [METRIC]]], any of the last three may be `default`. Network and gateway may be
// the names of hosts, where that is allowed.
Route read_route(const Arguments& arguments, HostNames names);
// NETWORK/BITS [GATEWAY [METRIC]]
Route read_route_ipv6(const Arguments& arguments);
// Adds the flags to what earlier directives set.
void read_redirect_flags(const Arguments& arguments, RedirectGateway& redirect);
// The whole option as text for foreign_option_N, after a check of every word: scripts read it.
std::string read_dhcp_option(const Arguments& arguments);
// The same for `dns`; `first_server` is the least server number allowed (-128, pushed: 0).
std::string read_dns(const Arguments& arguments, int first_server);

// ADDRESS NETMASK-OR-PEER
struct AddressPair {
  tunio::IpAddress local;
  tunio::IpAddress netmask_or_peer;
};
AddressPair read_address_pair(const Arguments& arguments);
// ADDRESS/BITS [PEER]
struct AddressIpv6 {
  tunio::Prefix address;
  std::optional<tunio::IpAddress> peer;
};
AddressIpv6 read_address_ipv6(const Arguments& arguments);

// The framing that `compress [ALGORITHM]` or `comp-lzo [MODE]` asks for.
CompressionFraming read_compress(const Arguments& arguments);
CompressionFraming read_comp_lzo(const Arguments& arguments);
// The name of a real compression algorithm in `compress` or `comp-lzo`, which only a framing is kept of;
// empty if none.
std::string_view compression_asked_for(const Arguments& arguments);

// A cipher's name as OpenVPN writes it; `usable` says if vpnd has it (AEADs only).
struct CipherName {
  std::string name;
  bool usable = false;
  bool known = false;
};
CipherName cipher_name(std::string_view text);
std::span<const std::string_view> usable_cipher_names();

// The digests that `auth` takes.
std::span<const std::string_view> digest_names();

struct CipherList {
  std::vector<std::string> ciphers;  // usable ones in order, no doubles
  std::vector<std::string> skipped;  // known or marked optional, but not usable
};
CipherList read_ciphers(const Arguments& arguments);

// A command line in one argument, split into words.
Command read_command(const Arguments& arguments, std::size_t index);

// A pushed option's text: printable, no comma, short enough for every peer.
void check_pushed_text(const Arguments& arguments, std::string_view text);

// Names of environment variables: letters, digits, '_'.
void check_variable_name(const Arguments& arguments, std::string_view name);

}  // namespace vpnd::config
