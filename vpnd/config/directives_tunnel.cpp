// The directives about the tun device, its addresses and its routes.

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr Contexts kPushable = kAnywhere | kPushed;

void check_device_kind(const Arguments& a, std::string_view kind) {
  if (kind == "tap")
    a.fail(a[0], "vpnd carries IP packets only, no Ethernet frames; use dev tun on both ends");
}

void dev(const Arguments& a, Draft& draft) {
  constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ without the NUL
  const std::string& name = a[0];
  draft.options.tunnel.is_null = name == "null";
  check_device_kind(a, name.starts_with("tap") ? "tap" : std::string_view(name));
  if (name.empty() || name.size() > kMaxInterfaceName || name.find_first_of("/ %") != std::string::npos)
    a.fail(name, "not a name for a network interface: 15 characters at most, no '/', blank or '%'");
  draft.options.tunnel.device = name;
}

void dev_type(const Arguments& a, Draft&) {
  check_device_kind(a, a[0]);
  a.choice<int>(0, {{"tun", 0}});
}

void dev_node(const Arguments& a, Draft& draft) {
  draft.options.tunnel.clone_device = a[0];
}

void tun_driver(const Arguments& a, Draft& draft) {
  draft.options.tunnel.driver = a.choice<TunDriver>(
      0, {{"auto", TunDriver::automatic}, {"tun", TunDriver::tun}, {"tun-batch", TunDriver::tun_batch}});
}

void topology(const Arguments& a, Draft& draft) {
  draft.options.tunnel.addresses.topology = a.choice<Topology>(
      0, {{"subnet", Topology::subnet}, {"net30", Topology::net30}, {"p2p", Topology::p2p}});
  draft.topology = a.where();
}

void ifconfig(const Arguments& a, Draft& draft) {
  const AddressPair pair = read_address_pair(a);
  draft.options.tunnel.addresses.local = pair.local;
  draft.options.tunnel.addresses.netmask_or_peer = pair.netmask_or_peer;
  draft.ifconfig = a.where();
}

void ifconfig_ipv6(const Arguments& a, Draft& draft) {
  const AddressIpv6 read = read_address_ipv6(a);
  draft.options.tunnel.addresses.local_ipv6 = read.address;
  draft.options.tunnel.addresses.peer_ipv6 = read.peer;
}

void ifconfig_noexec(const Arguments&, Draft& draft) {
  draft.options.tunnel.configure_addresses = false;
}
void route_noexec(const Arguments&, Draft& draft) {
  draft.options.tunnel.configure_routes = false;
}

void route(const Arguments& a, Draft& draft) {
  draft.options.tunnel.routing.routes.push_back(read_route(a, HostNames::allowed));
}
void route_ipv6(const Arguments& a, Draft& draft) {
  draft.options.tunnel.routing.routes_ipv6.push_back(read_route_ipv6(a));
}

void route_gateway(const Arguments& a, Draft& draft) {
  RoutingOptions& routing = draft.options.tunnel.routing;
  routing.route_gateway_from_dhcp = a[0] == "dhcp";
  routing.route_gateway.reset();
  if (!routing.route_gateway_from_dhcp) routing.route_gateway = a.ipv4(0);
}

void route_metric(const Arguments& a, Draft& draft) {
  draft.options.tunnel.routing.route_metric = a.number<std::uint32_t>(0, 0, 0x7fffffff);
}

void route_ipv6_gateway(const Arguments& a, Draft& draft) {
  draft.options.tunnel.routing.route_gateway_ipv6 = a.ipv6(0);
}

void route_table(const Arguments& a, Draft& draft) {
  draft.options.tunnel.routing.table = a.number<std::uint32_t>(0, 1);
}

void redirect(const Arguments& a, Draft& draft) {
  read_redirect_flags(a, draft.options.tunnel.routing.redirect_gateway);
}

void block_ipv6(const Arguments&, Draft& draft) {
  draft.options.tunnel.routing.block_ipv6 = true;
}
void persist_tun(const Arguments&, Draft& draft) {
  draft.options.tunnel.keep_across_restart = true;
}

void txqueuelen(const Arguments& a, Draft& draft) {
  draft.options.tunnel.transmit_queue = a.number<unsigned>(0, 1, 1000000);
}

void dhcp_option(const Arguments& a, Draft& draft) {
  draft.options.tunnel.foreign_options.push_back(read_dhcp_option(a));
}
void dns(const Arguments& a, Draft& draft) {
  draft.options.tunnel.foreign_options.push_back(read_dns(a, -128));
}

void always_so(const Arguments&, Draft&) {}

constexpr Topic kTopic = Topic::tunnel;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"dev", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, dev,
     "tun|tunN|NAME|null", "the tunnel device (tun); null: none, for tests"},
    {"dev-type", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, dev_type,
     "tun", "for a dev whose name does not say it"},
    {"dev-node", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, dev_node,
     "PATH", "clone device (/dev/net/tun)"},
    {"tun-driver", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tun_driver,
     "auto|tun|tun-batch", "the kernel's tun, or the batching one (auto: where it is loaded)"},
    {"topology", kTopic, kWorks, kPushable, {1, 1}, Inline::no, topology,
     "subnet|net30|p2p", "how addresses are given (subnet; a client that is told nothing: net30)"},
    {"ifconfig", kTopic, kWorks, kPushable, {2, 2}, Inline::no, ifconfig,
     "ADDRESS NETMASK|PEER", "our address in the tunnel; with net30 and p2p also that of the other end"},
    {"ifconfig-ipv6", kTopic, kWorks, kPushable, {1, 2}, Inline::no, ifconfig_ipv6,
     "ADDRESS/BITS [PEER]", "our IPv6 address in the tunnel"},
    {"ifconfig-noexec", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, ifconfig_noexec,
     "", "leave the addresses to the up script"},
    {"route", kTopic, kWorks, kPushable, {1, 4}, Inline::no, route,
     "NETWORK [NETMASK [GATEWAY [METRIC]]]", "a network behind the tunnel"},
    {"route-ipv6", kTopic, kWorks, kPushable, {1, 3}, Inline::no, route_ipv6,
     "NETWORK/BITS [GATEWAY [METRIC]]", "an IPv6 network behind the tunnel"},
    {"route-gateway", kTopic, kWorks, kPushable, {1, 1}, Inline::no, route_gateway,
     "ADDRESS|dhcp", "gateway for routes without one"},
    {"route-metric", kTopic, kWorks, kPushable, {1, 1}, Inline::no, route_metric,
     "N", "metric for routes without one"},
    {"route-ipv6-gateway", kTopic, kWorks, kPushable, {1, 1}, Inline::no, route_ipv6_gateway,
     "ADDRESS", "gateway for IPv6 routes without one"},
    {"route-table", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, route_table,
     "N", "the kernel's table that routes are set in (254, main)"},
    {"route-noexec", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, route_noexec,
     "", "leave the routes to the route-up script"},
    {"redirect-gateway", kTopic, kWorks, kPushable, {0, kAnyNumber}, Inline::no, redirect,
     "[FLAG…]", "send all traffic into the tunnel"},
    {"redirect-private", kTopic, kWorks, kPushable, {0, kAnyNumber}, Inline::no, redirect,
     "[FLAG…]", "the same preparations without the default route"},
    {"block-ipv6", kTopic, kWorks, kPushable, {0, 0}, Inline::no, block_ipv6,
     "", "answer IPv6 packets from the tunnel device with unreachable"},
    {"persist-tun", kTopic, kWorks, kPushable, {0, 0}, Inline::no, persist_tun,
     "", "keep device and addresses over a reconnect"},
    {"txqueuelen", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, txqueuelen,
     "PACKETS", "queue of the tunnel device"},
    {"dhcp-option", kTopic, kWorks, kPushable, {1, kAnyNumber}, Inline::no, dhcp_option,
     "TYPE [VALUE]", "DNS and the like, for dns-updown and the up script (foreign_option_N)"},
    {"dns", kTopic, kWorks, kPushable, {1, kAnyNumber}, Inline::no, dns,
     "search-domains …|server N …", "DNS settings, for dns-updown and the up script (foreign_option_N)"},
    {"tun-ipv6", kTopic, kWorks, kPushable, {0, 0}, Inline::no, always_so,
     "", "always so; accepted"},
};
// clang-format on

}  // namespace

std::span<const Directive> tunnel_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
