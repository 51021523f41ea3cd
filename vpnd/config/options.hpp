// The typed result of a configuration: what every other part of the daemon reads.
//
// Words are gone here: directives were checked, macros (`server`, `client`, `keepalive`) expanded, files read
// and numbers given their units. An Options that load() returned is consistent; nobody needs to check it
// again.
#pragma once

#include "vpnd/config/management_options.hpp"
#include "vpnd/config/process_options.hpp"
#include "vpnd/config/role_options.hpp"
#include "vpnd/config/security_options.hpp"
#include "vpnd/config/transport_options.hpp"
#include "vpnd/config/tunnel_options.hpp"

namespace vpnd::config {

enum class Mode : std::uint8_t { client, server };

struct Options {
  Mode mode = Mode::client;     // in point-to-point mode: who is which end of TLS
  bool point_to_point = false;  // two ends, each with its own addresses; nothing is pushed
  LinkOptions link;             // for a server; a client reads Remote::link
  SocketOptions socket;
  KeepaliveOptions keepalive;  // of this side; what a server tells its clients stands in server.push
  SessionLimits limits;
  TunnelOptions tunnel;
  TlsOptions tls;
  RenewalOptions renewal;
  DataOptions data;
  ServerOptions server;
  ClientOptions client;
  ScriptOptions scripts;
  LogOptions log;
  ManagementOptions management;
  BatchOptions batch;
  ProcessOptions process;
};

}  // namespace vpnd::config
