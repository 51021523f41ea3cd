// The directives about the outer connection.

#include <limits>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr std::int64_t kMaxSeconds =
    86400;  // OpenVPN 2.7 limits ping times to a day; no timer here needs more
constexpr std::int64_t kMaxLimit = std::numeric_limits<std::int32_t>::max();  // of a session's time
constexpr Contexts kLink = kAnywhere | kInConnection;
constexpr Contexts kPushable = kAnywhere | kPushed;

void remote(const Arguments& a, Draft& draft) {
  RemoteWords words{a[0], std::nullopt, std::nullopt, a.where()};
  if (a.has(1)) words.port = a.port(1);
  if (a.has(2)) {
    const ProtocolWord word = read_protocol(a, 2);
    if (word.end == ProtocolEnd::server)
      a.fail(a[2], "a remote is reached as a client; write tcp-client or tcp");
    words.protocol = word.protocol;
  }
  if (draft.open_block != nullptr && !draft.open_block->remotes.empty())
    a.fail(a[0], "a connection block has one remote; write another block");
  draft.link().remotes.push_back(std::move(words));
}

void proto(const Arguments& a, Draft& draft) {
  const ProtocolWord word = read_protocol(a, 0);
  draft.link().protocol = word.protocol;
  draft.link().protocol_end = word.end;
  draft.link().protocol_where = a.where();
}

void port(const Arguments& a, Draft& draft) {
  draft.link().port = a.port(0);
}
void rport(const Arguments& a, Draft& draft) {
  draft.link().remote_port = a.port(0);
}
void lport(const Arguments& a, Draft& draft) {
  draft.link().local_port = a[0] == "0" ? std::uint16_t{0} : a.port(0);
}

void local(const Arguments& a, Draft& draft) {
  ListenerWords words{a[0] == "*" ? "" : a[0], std::nullopt, std::nullopt, a.where()};
  if (a.has(1)) words.port = a.port(1);
  if (a.has(2)) words.protocol = read_protocol(a, 2).protocol;
  if (draft.open_block == nullptr) {
    draft.listeners.push_back(std::move(words));
    return;
  }
  if (a.has(1)) a.fail(a[1], "inside a connection block, local takes only the address");
  draft.open_block->link.local.host = words.host;
}

void nobind(const Arguments& a, Draft& draft) {
  draft.link().nobind = a.where();
}

void bind(const Arguments& a, Draft& draft) {
  if (a.has(0)) {
    a.choice<int>(0, {{"ipv6only", 0}});
    draft.bind_ipv6_only = true;
    draft.link().link.local.ipv6_only = true;
  }
  draft.link().bind = true;
}

void accept_any_source(const Arguments&, Draft& draft) {
  draft.link().link.accept_any_source = true;
}

void connect_retry(const Arguments& a, Draft& draft) {
  LinkOptions& link = draft.link().link;
  link.connect_retry = a.seconds(0, 1, kMaxSeconds);
  if (a.has(1)) link.connect_retry_max_wait = a.seconds(1, 1, kMaxSeconds);
  link.connect_retry_max_wait = std::max(link.connect_retry_max_wait, link.connect_retry);
}

void connect_timeout(const Arguments& a, Draft& draft) {
  draft.link().link.connect_timeout = a.seconds(0, 1, kMaxSeconds);
}

void explicit_exit_notify(const Arguments& a, Draft& draft) {
  draft.link().link.explicit_exit_notify = a.has(0) ? a.number<unsigned>(0, 0, 60) : 1;
}

void sndbuf(const Arguments& a, Draft& draft) {
  draft.options.socket.send_buffer = a.number<std::size_t>(0, 0, std::size_t{1} << 30);
}

void rcvbuf(const Arguments& a, Draft& draft) {
  draft.options.socket.receive_buffer = a.number<std::size_t>(0, 0, std::size_t{1} << 30);
}

void mark(const Arguments& a, Draft& draft) {
  draft.options.socket.mark = a.number<std::uint32_t>(0);
}

void bind_dev(const Arguments& a, Draft& draft) {
  constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ without the NUL
  if (a[0].size() > kMaxInterfaceName || a[0].find('/') != std::string::npos)
    a.fail(a[0], "not the name of a network interface");
  draft.options.socket.bind_device = a[0];
}

void multihome(const Arguments&, Draft& draft) {
  draft.options.socket.multihome = true;
}

void passtos(const Arguments&, Draft& draft) {
  draft.options.socket.pass_tos = true;
}

void keepalive(const Arguments& a, Draft& draft) {
  draft.keepalive = KeepaliveMacro{a.seconds(0, 1, kMaxSeconds), a.seconds(1, 1, kMaxSeconds), a.where()};
  if (draft.keepalive->restart < 2 * draft.keepalive->ping)
    a.fail(a[1], "must be at least twice the first value, or one lost ping looks like a lost peer");
}

void ping(const Arguments& a, Draft& draft) {
  draft.options.keepalive.ping = a.seconds(0, 0, kMaxSeconds);
  draft.ping = a.where();
}

void ping_timeout(const Arguments& a, Draft& draft) {
  KeepaliveOptions& keepalive_options = draft.options.keepalive;
  keepalive_options.timeout = a.seconds(0, 0, kMaxSeconds);
  keepalive_options.timeout_given = true;
  keepalive_options.action = a.name() == "ping-exit" ? TimeoutAction::exit : TimeoutAction::restart;
  if (keepalive_options.timeout.count() == 0) keepalive_options.action = TimeoutAction::none;
  draft.ping_timeout = a.where();
}

void tun_mtu(const Arguments& a, Draft& draft) {
  LinkOptions& link = draft.link().link;
  link.tun_mtu = a.number<std::uint16_t>(0, 100, 65535);
  if (a.has(1))
    draft.warn(a.where(), a[1], "the second argument (occ-mtu) has no effect: vpnd announces the MTU itself");
  link.tun_mtu_given = true;
}

void tun_mtu_max(const Arguments& a, Draft& draft) {
  draft.link().link.tun_mtu_max = a.number<std::uint16_t>(0, 1500, 65535);
}

void max_packet_size(const Arguments& a, Draft& draft) {
  draft.link().link.max_packet_size = a.number<std::uint16_t>(0, 154, 2048);
}

void inactive(const Arguments& a, Draft& draft) {
  draft.options.limits.idle = a.seconds(0, 0, kMaxLimit);
  draft.options.limits.idle_bytes = a.has(1) ? a.number<std::uint64_t>(1) : 0;
}

void session_timeout(const Arguments& a, Draft& draft) {
  draft.options.limits.length = a.seconds(0, 0, kMaxLimit);
}

void link_mtu(const Arguments& a, Draft& draft) {
  draft.link().link.link_mtu = a.number<std::uint16_t>(0, 576, 65535);
}

void mssfix(const Arguments& a, Draft& draft) {
  Mssfix value;
  if (a.has(0)) {
    value.size = a.number<std::uint16_t>(0, 0, 65535);
    value.mode = a.has(1) ? a.choice<MssfixMode>(1, {{"mtu", MssfixMode::mtu}, {"fixed", MssfixMode::fixed}})
                          : MssfixMode::datagram;
  }
  draft.link().link.mssfix = value;
  draft.link().mssfix_given = true;
}

void mtu_disc(const Arguments& a, Draft& draft) {
  draft.link().link.mtu_discovery = a.choice<MtuDiscovery>(
      0, {{"no", MtuDiscovery::no}, {"maybe", MtuDiscovery::maybe}, {"yes", MtuDiscovery::yes}});
}

void always_so(const Arguments&, Draft&) {}

constexpr Topic kTopic = Topic::connection;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"remote", kTopic, kWorks, kLink, {1, 3}, Inline::no, remote,
     "HOST [PORT] [PROTO]", "a server to connect to; several are tried in order"},
    {"proto", kTopic, kWorks, kLink, {1, 1}, Inline::no, proto,
     "PROTO", "udp, tcp, and these with 4 or 6 for one address family (udp)"},
    {"port", kTopic, kWorks, kLink, {1, 1}, Inline::no, port,
     "PORT", "port of both ends (1194)"},
    {"lport", kTopic, kWorks, kLink, {1, 1}, Inline::no, lport,
     "PORT", "our own port; 0: any"},
    {"rport", kTopic, kWorks, kLink, {1, 1}, Inline::no, rport,
     "PORT", "the server's port, for remotes without one"},
    {"local", kTopic, kWorks, kLink, {1, 3}, Inline::no, local,
     "HOST|* [PORT] [PROTO]", "address to bind to; on a server repeatable, one listener each"},
    {"nobind", kTopic, kWorks, kLink, {0, 0}, Inline::no, nobind,
     "", "client: send from any free port"},
    {"bind", kTopic, kWorks, kLink, {0, 1}, Inline::no, bind,
     "[ipv6only]", "bind to the local port even as a TCP client"},
    {"float", kTopic, kWorks, kLink, {0, 0}, Inline::no, accept_any_source,
     "", "client: accept authenticated packets from any address"},
    {"connect-retry", kTopic, kWorks, kLink, {1, 2}, Inline::no, connect_retry,
     "SECONDS [MAX]", "wait before the remotes are tried again; doubles up to MAX (1 300)"},
    {"connect-timeout", kTopic, kWorks, kLink, {1, 1}, Inline::no, connect_timeout,
     "SECONDS", "how long a server may take to answer before the next is tried (120)"},
    {"server-poll-timeout", kTopic, kWorks, kLink, {1, 1}, Inline::no, connect_timeout,
     "SECONDS", "another name of connect-timeout"},
    {"explicit-exit-notify", kTopic, kWorks, kLink | kPushed, {0, 1}, Inline::no, explicit_exit_notify,
     "[N]", "tell the peer when we leave (UDP); server: 1 restart, 2 next remote"},
    {"sndbuf", kTopic, kWorks, kPushable, {1, 1}, Inline::no, sndbuf,
     "BYTES", "socket send buffer; 0: the kernel's default"},
    {"rcvbuf", kTopic, kWorks, kPushable, {1, 1}, Inline::no, rcvbuf,
     "BYTES", "socket receive buffer; 0: the kernel's default"},
    {"mark", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, mark,
     "VALUE", "firewall mark of outer packets"},
    {"bind-dev", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, bind_dev,
     "DEVICE", "send and receive outer packets through this device only"},
    {"multihome", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, multihome,
     "", "answer each client from the address that it came to (server over UDP)"},
    {"passtos", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, passtos,
     "", "give datagrams the DSCP of the packets inside"},
    {"keepalive", kTopic, kWorks, kAnywhere, {2, 2}, Inline::no, keepalive,
     "PING TIMEOUT", "ping and ping-restart for both ends"},
    {"ping", kTopic, kWorks, kPushable, {1, 1}, Inline::no, ping,
     "SECONDS", "ping when nothing was sent for this long"},
    {"ping-restart", kTopic, kWorks, kPushable, {1, 1}, Inline::no, ping_timeout,
     "SECONDS", "reconnect when nothing was heard for this long; 0: never (client: 120)"},
    {"ping-exit", kTopic, kWorks, kPushable, {1, 1}, Inline::no, ping_timeout,
     "SECONDS", "exit when nothing was heard for this long"},
    {"tun-mtu", kTopic, kWorks, kLink | kPushed, {1, 2}, Inline::no, tun_mtu,
     "BYTES", "MTU of the tunnel device (1500)"},
    {"tun-mtu-max", kTopic, kWorks, kLink, {1, 1}, Inline::no, tun_mtu_max,
     "BYTES", "client: the largest tun-mtu that a server may push (1600, or our tun-mtu)"},
    {"max-packet-size", kTopic, kWorks, kLink, {1, 1}, Inline::no, max_packet_size,
     "BYTES", "largest control packet, IP header included, 154 to 2048 (1250)"},
    {"inactive", kTopic, kWorks, kPushable, {1, 2}, Inline::no, inactive,
     "SECONDS [BYTES]", "end a session that carried less than this for so long; 0: never (0)"},
    {"session-timeout", kTopic, kWorks, kPushable, {1, 1}, Inline::no, session_timeout,
     "SECONDS", "end a session after this time; 0: never (0)"},
    {"link-mtu", kTopic, kWorks, kLink, {1, 1}, Inline::no, link_mtu,
     "BYTES", "largest outer packet, IP header included"},
    {"mssfix", kTopic, kWorks, kLink, {0, 2}, Inline::no, mssfix,
     "[BYTES [mtu|fixed]]", "keep inner TCP segments small enough (1492 mtu); 0: off"},
    {"mtu-disc", kTopic, kWorks, kLink, {1, 1}, Inline::no, mtu_disc,
     "no|maybe|yes", "path MTU discovery of outer packets"},
    {"tcp-nodelay", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, always_so,
     "", "always so; accepted"},
};
// clang-format on

}  // namespace

std::span<const Directive> connection_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
