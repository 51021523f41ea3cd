// How the outer packets travel: addresses, sockets, sizes, timing, and the key that wraps the control
// channel.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vpnd/config/diagnostic.hpp"
#include "vpnd/config/material.hpp"
#include "vpnd/config/proxy_options.hpp"

namespace vpnd::config {

inline constexpr std::uint16_t kDefaultPort = 1194;

enum class Transport : std::uint8_t { udp, tcp };
enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

struct Protocol {
  Transport transport = Transport::udp;
  AddressFamily family = AddressFamily::any;

  bool operator==(const Protocol&) const = default;
};

enum class MssfixMode : std::uint8_t {
  datagram,  // `mssfix N`: largest outer datagram, without its IP and UDP header
  mtu,       // `mssfix N mtu`: the same with IP and UDP header (the default, 1492)
  fixed,     // `mssfix N fixed`: largest inner packet, whatever the encapsulation
};

struct Mssfix {
  std::uint16_t size = 1492;  // 0: off
  MssfixMode mode = MssfixMode::mtu;

  bool operator==(const Mssfix&) const = default;
};

enum class MtuDiscovery : std::uint8_t { system, no, maybe, yes };

enum class ControlWrapKind : std::uint8_t { none, tls_auth, tls_crypt, tls_crypt_v2 };
enum class CookiePolicy : std::uint8_t { allow_noncookie, force_cookie };

struct ControlWrapOptions {
  ControlWrapKind kind = ControlWrapKind::none;
  Material key;                           // static key, or for v2 the client's or the server's key
  std::optional<unsigned> key_direction;  // 0 or 1; absent: one key both ways. Only for tls_auth
  CookiePolicy cookies = CookiePolicy::allow_noncookie;  // only for tls_crypt_v2
};

// Where our own end of the outer connection is bound.
struct LocalBinding {
  bool bind = true;  // nobind: an ephemeral port, chosen by the kernel
  std::string host;  // empty: any address
  std::uint16_t port = kDefaultPort;
  bool ipv6_only = false;
};

// Everything a `<connection>` block may set besides the server's address. Options::link holds what applies to
// a server; each Remote of a client carries its own.
struct LinkOptions {
  LocalBinding local;
  bool accept_any_source = false;                    // float
  std::chrono::seconds connect_retry{1};             // first wait between two rounds of attempts,
  std::chrono::seconds connect_retry_max_wait{300};  // which doubles up to this
  std::chrono::seconds connect_timeout{120};         // server-poll-timeout: then the next remote
  std::optional<unsigned> explicit_exit_notify;  // client: how often; server: 1 = restart, 2 = next remote
  std::uint16_t tun_mtu = 1500;
  bool tun_mtu_given = false;            // by a directive: a client then announces it
  std::uint16_t tun_mtu_max = 1600;      // the largest that a server may push
  std::uint16_t max_packet_size = 1250;  // of a control packet, with its IP and UDP headers
  Mssfix mssfix;
  std::optional<std::uint16_t> link_mtu;  // largest outer datagram, IP header included
  MtuDiscovery mtu_discovery = MtuDiscovery::system;
  ControlWrapOptions control_wrap;
  std::optional<ProxyOptions> proxy;  // a client's
};

// One server that a client may try.
struct Remote {
  std::string host;
  std::uint16_t port = kDefaultPort;
  Protocol protocol;
  LinkOptions link;
  Location where;
};

// One address that a server listens at (`local`, repeatable), or the one of `port` and `proto`.
struct Listener {
  std::string host;  // empty: any address
  std::uint16_t port = kDefaultPort;
  Protocol protocol;
  bool ipv6_only = false;
  Location where;
};

struct SocketOptions {
  std::optional<std::size_t> send_buffer;  // bytes; 0: the kernel's default; absent: what suits the transport
  std::optional<std::size_t> receive_buffer;
  std::optional<std::uint32_t> mark;  // SO_MARK
  std::string bind_device;            // SO_BINDTODEVICE; empty: none
  bool pass_tos = false;              // passtos: datagrams have the DSCP of the packets inside
  bool multihome = false;             // a server answers from the address that it was asked at
};

enum class TimeoutAction : std::uint8_t { none, restart, exit };

struct KeepaliveOptions {
  std::chrono::seconds ping{0};  // 0: no pings are sent
  std::chrono::seconds timeout{0};
  TimeoutAction action = TimeoutAction::none;
  bool timeout_given = false;  // false on a client: 120 s and restart until the server pushes something
};

// When a session ends although nothing is wrong with it. 0: never.
struct SessionLimits {
  std::chrono::seconds idle{0};    // inactive: after so long with less than
  std::uint64_t idle_bytes = 0;    // so many bytes of packets in the tunnel
  std::chrono::seconds length{0};  // session-timeout
};

}  // namespace vpnd::config
