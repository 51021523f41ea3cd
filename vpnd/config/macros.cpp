#include <fmt/format.h>

#include <algorithm>

#include "vpnd/config/finish.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

// What a client does until the server tells it something else; as OpenVPN.
constexpr std::chrono::seconds kTimeoutBeforePull{120};

void push(Draft& draft, std::string text, const Location& where) {
  draft.options.server.push.push_back({std::move(text), where});
}

// topology subnet: we are .1, clients get .2 to .254.
void expand_subnet(Draft& draft, const ServerMacro& macro) {
  const tunio::IpAddress first = macro.network.address;
  const std::uint64_t size = std::uint64_t{1} << (32 - macro.network.length);
  Options& options = draft.options;
  options.tunnel.addresses.netmask_or_peer = tunio::netmask_v4(macro.network.length);
  if (macro.with_pool) options.server.pool = AddressRange{first.plus(2), first.plus(size - 2)};
  if (!options.server.pool_bits) options.server.pool_bits = macro.network.length;
  // Where routes without a gateway lead, for hooks: on the device any address will do.
  if (!options.tunnel.routing.route_gateway) options.tunnel.routing.route_gateway = first.plus(2);
  push(draft, fmt::format("route-gateway {}", first.plus(1).format()), macro.where);
}

// topology net30 and p2p: our end is a line from .1 to .2, behind which the network lies. Clients get
// addresses from .4 on, in net30 blocks of four.
void expand_line(Draft& draft, const ServerMacro& macro, Topology topology) {
  constexpr std::uint8_t kOneBlockForClients = 29;
  const tunio::IpAddress first = macro.network.address;
  const std::uint64_t size = std::uint64_t{1} << (32 - macro.network.length);
  const std::uint64_t reserved = macro.network.length == kOneBlockForClients ? 0 : 4;
  Options& options = draft.options;
  options.tunnel.addresses.netmask_or_peer = first.plus(2);
  if (macro.with_pool) options.server.pool = AddressRange{first.plus(4), first.plus(size - 1 - reserved)};
  Route network;
  network.network.address = first;
  network.bits = macro.network.length;
  network.where = macro.where;
  options.tunnel.routing.routes.push_back(network);
  if (options.server.client_to_client) {
    push(draft, fmt::format("route {} {}", first.format(), tunio::netmask_v4(macro.network.length).format()),
         macro.where);
  } else if (topology == Topology::net30) {
    push(draft, fmt::format("route {}", first.plus(1).format()), macro.where);
  }
}

std::string_view name_of(Topology topology) {
  switch (topology) {
    case Topology::subnet:
      return "subnet";
    case Topology::net30:
      return "net30";
    case Topology::p2p:
      return "p2p";
  }
  return "";
}

void expand_server(Draft& draft, std::vector<Diagnostic>& faults) {
  if (!draft.server) return;
  const ServerMacro& macro = *draft.server;
  Options& options = draft.options;
  if (draft.ifconfig) {
    faults.push_back({*draft.ifconfig, "ifconfig", "server gives the address already; remove it"});
    return;
  }
  if (draft.ifconfig_pool && macro.with_pool) {
    faults.push_back({*draft.ifconfig_pool, "ifconfig-pool",
                      "server gives a pool already; add nopool to server, or remove it"});
  }
  const Topology topology = options.tunnel.addresses.topology.value_or(Topology::subnet);
  options.tunnel.addresses.local = macro.network.address.plus(1);
  if (topology == Topology::subnet) {
    expand_subnet(draft, macro);
  } else {
    expand_line(draft, macro, topology);
  }
  push(draft, fmt::format("topology {}", name_of(topology)), macro.where);
}

// `server-ipv6 fd00::/64`: we are ::1, clients get ::1000 and up; in a small network ::2 and up.
void expand_server_ipv6(Draft& draft, std::vector<Diagnostic>& faults) {
  if (!draft.server_ipv6) return;
  const ServerIpv6Macro& macro = *draft.server_ipv6;
  if (draft.server && !draft.server->with_pool) {
    faults.push_back({macro.where, "server-ipv6",
                      "cannot go with server … nopool: clients share the number in both pools"});
  }
  if (draft.ifconfig_ipv6_pool) {
    faults.push_back(
        {*draft.ifconfig_ipv6_pool, "ifconfig-ipv6-pool", "server-ipv6 gives a pool already; remove it"});
  }
  const tunio::IpAddress network = macro.network.address;
  const std::uint8_t bits = macro.network.length;
  Options& options = draft.options;
  options.tunnel.addresses.local_ipv6 = tunio::Prefix{network.plus(1), bits};
  options.tunnel.addresses.peer_ipv6 = network.plus(2);
  options.server.pool_ipv6 = tunio::Prefix{network.plus(bits < 112 ? 0x1000 : 2), bits};
  push(draft, "tun-ipv6", macro.where);
}

// What older versions did where nothing was said.
void apply_compat_mode(Draft& draft) {
  if (!draft.compat_mode) return;
  constexpr unsigned kSubnetIsDefault = 7, kOnlyListedCiphers = 6;
  Options& options = draft.options;
  const unsigned minor = draft.compat_mode->minor;
  if (minor < kSubnetIsDefault && options.mode == Mode::server && !options.tunnel.addresses.topology)
    options.tunnel.addresses.topology = Topology::net30;
  if (minor >= kOnlyListedCiphers) return;
  if (!draft.tls_version_min) options.tls.version_min = TlsVersion::tls1_0;
  auto& ciphers = options.data.ciphers;
  const std::string& announced = options.data.announced_cipher;
  if (cipher_name(announced).usable && std::find(ciphers.begin(), ciphers.end(), announced) == ciphers.end())
    ciphers.push_back(announced);
}

void expand_keepalive(Draft& draft, std::vector<Diagnostic>& faults) {
  if (!draft.keepalive) return;
  const KeepaliveMacro& macro = *draft.keepalive;
  for (const auto* other : {&draft.ping, &draft.ping_timeout}) {
    if (*other) {
      faults.push_back({**other, other == &draft.ping ? "ping" : "ping-restart",
                        "keepalive sets it already; remove one of them"});
    }
  }
  KeepaliveOptions& own = draft.options.keepalive;
  const bool server = draft.options.mode == Mode::server && !draft.options.point_to_point;
  own.ping = macro.ping;
  own.timeout = server ? 2 * macro.restart : macro.restart;
  own.action = TimeoutAction::restart;
  own.timeout_given = true;
  if (!server) return;
  push(draft, fmt::format("ping {}", macro.ping.count()), macro.where);
  push(draft, fmt::format("ping-restart {}", macro.restart.count()), macro.where);
}

}  // namespace

void expand_macros(Draft& draft) {
  std::vector<Diagnostic> faults;
  apply_compat_mode(draft);
  expand_server(draft, faults);
  expand_server_ipv6(draft, faults);
  expand_keepalive(draft, faults);
  throw_if_any(std::move(faults));

  Options& options = draft.options;
  if (options.point_to_point) {
    if (!options.tunnel.addresses.topology) options.tunnel.addresses.topology = Topology::p2p;
  } else if (options.mode == Mode::server) {
    if (!options.tunnel.addresses.topology) options.tunnel.addresses.topology = Topology::subnet;
    if (options.tunnel.addresses.topology == Topology::subnet && !options.server.pool_bits &&
        options.tunnel.addresses.netmask_or_peer)
      options.server.pool_bits = tunio::prefix_length(*options.tunnel.addresses.netmask_or_peer);
  } else if (!options.keepalive.timeout_given) {
    options.keepalive.timeout = kTimeoutBeforePull;
    options.keepalive.action = TimeoutAction::restart;
  }
}

}  // namespace vpnd::config
