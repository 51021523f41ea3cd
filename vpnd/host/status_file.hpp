// The status file and the management interface's `status`: OpenVPN's formats 1, 2 and 3, byte for byte, since
// monitoring programs fail on a line or column they do not know. Nothing may be added to them.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vpnd::host {

enum class StatusVersion { v1 = 1, v2 = 2, v3 = 3 };

// 2.6 writes "192.0.2.1:1194", 2.7 "udp4:192.0.2.1:1194". `plain` is the default while the parsers in use
// (exporters, web front ends) were written for 2.6.
enum class RealAddressForm { plain, with_transport };
enum class Transport { udp4, udp6, tcp4_server, tcp6_server };

struct RealAddress {
  std::string text;  // "192.0.2.1:1194" or "[2001:db8::1]:1194"
  Transport transport = Transport::udp4;
};

// Names come from peers: whatever could forge a line or a column is replaced by '_' when they are written.
struct ClientStatus {
  std::string common_name;  // empty: UNDEF
  RealAddress real_address;
  std::string virtual_ipv4;  // empty: none
  std::string virtual_ipv6;
  std::uint64_t bytes_received = 0;  // on the link, encrypted
  std::uint64_t bytes_sent = 0;
  std::int64_t connected_since = 0;  // unix seconds
  std::string username;              // empty: UNDEF
  std::uint64_t client_id = 0;
  std::uint32_t peer_id = 0;
  std::string cipher;  // "AES-256-GCM"
};

struct RouteStatus {
  std::string virtual_address;  // "10.8.0.6" or "10.20.0.0/16"
  bool cached = false;          // learnt rather than configured: shown with a C behind it
  std::string common_name;
  RealAddress real_address;
  std::int64_t last_reference = 0;
};

struct ServerStatus {
  std::string title;     // "vpnd 0.1.0 x86_64-linux"
  std::int64_t now = 0;  // unix seconds
  std::vector<ClientStatus> clients;
  std::vector<RouteStatus> routes;
  std::uint64_t max_queue_length = 0;
};

struct ClientStatistics {
  std::int64_t now = 0;
  std::uint64_t tun_read_bytes = 0;
  std::uint64_t tun_write_bytes = 0;
  std::uint64_t link_read_bytes = 0;
  std::uint64_t link_write_bytes = 0;
  std::uint64_t auth_read_bytes = 0;
};

std::string format_server_status(const ServerStatus& status, StatusVersion version,
                                 RealAddressForm form = RealAddressForm::plain);
std::string format_client_status(const ClientStatistics& statistics);

// "2024-05-01 12:34:56", local time: also the `time_ascii` of scripts.
std::string format_time(std::int64_t unix_seconds);

}  // namespace vpnd::host
