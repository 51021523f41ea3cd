// The management interface: where programs talk to the daemon while it runs, and what it asks them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/external_key.hpp"
#include "vpnd/config/material.hpp"

namespace vpnd::config {

// management-external-key
struct ExternalKeyOptions {
  Location where;
  crypto::RsaSchemes schemes = crypto::RsaSchemes::pkcs1;
};

struct ManagementOptions {
  std::optional<Location> where;  // of `management`; absent: there is no interface
  std::string address;            // an IP address; the path of a unix socket if port is 0
  std::uint16_t port = 0;
  std::optional<Material> password_file;  // its first line
  std::vector<std::string> echoes;        // echo, parameter: texts for such programs
  bool connect = false;                   // management-client: we connect instead of listening
  std::string client_user;                // of a unix socket's other end; empty: anybody who may open it
  std::string client_group;
  unsigned log_cache = 250;                        // lines of the log that are kept for latecomers
  bool hold = false;                               // start, and every new start, waits for "hold release"
  bool restart_on_leave = false;                   // management-signal
  bool forget_on_leave = false;                    // management-forget-disconnect
  bool query_passwords = false;                    // ask there instead of at the terminal
  bool query_remote = false;                       // client: ask about each server before it is tried
  bool query_proxy = false;                        // client: ask for a proxy before each try
  bool up_down = false;                            // tell when the tunnel comes up and goes down
  bool client_auth = false;                        // server: ask about each client
  std::optional<ExternalKeyOptions> external_key;  // client: who is there signs with our private key …
  std::string
      external_certificate;  // … and has the certificate, which this helps to find; empty: `cert` has it

  bool enabled() const noexcept { return where.has_value(); }
};

}  // namespace vpnd::config
