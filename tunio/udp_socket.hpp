#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tunio/endpoint.hpp"
#include "tunio/unique_fd.hpp"

namespace vpnd::tunio {

/// `any` is one IPv6 socket that speaks IPv4 too; where the kernel has no IPv6 it is an IPv4 socket.
enum class SocketFamily : std::uint8_t { any, ipv4, ipv6 };

enum class MtuDiscovery : std::uint8_t {
  system_default,
  never,
  want,
  always
};  // openvpn's mtu-disc no / maybe / yes

struct SocketOptions {
  SocketFamily family = SocketFamily::any;
  std::optional<Endpoint>
      local;  // address and port; family, if not `any`, must agree. Nothing: any address, any port
  std::uint32_t receive_buffer = 0;  // bytes; 0: leave. Beyond rmem_max only with CAP_NET_ADMIN
  std::uint32_t send_buffer = 0;
  std::uint32_t mark = 0;  // SO_MARK; 0: none
  std::string device;      // bind-dev; "": none
};

struct UdpOptions : SocketOptions {
  bool reuse_port = false;  // join those who have the address (udp_group.hpp)
  bool gro = true;          // runs of datagrams in one receive; quietly without where the kernel has none
  MtuDiscovery mtu_discovery = MtuDiscovery::system_default;
  bool note_local_address = false;  // arrivals say which address of ours they came to (Endpoint::met_at)
  std::optional<Endpoint> remote;   // connect(): a client that hears only its server
};

/// A non-blocking UDP socket, bound as asked. Throws std::system_error whose text says which step failed.
UniqueFd open_udp_socket(const UdpOptions& options);

/// Sets the buffers of an open socket, beyond the system's limits where we may. 0: leave. Throws
/// std::system_error.
void set_buffers(const UniqueFd& socket, std::uint32_t receive_buffer, std::uint32_t send_buffer);

/// Where a socket is bound, and whom it is connected to (nothing if to nobody).
Endpoint local_endpoint(const UniqueFd& socket);
std::optional<Endpoint> remote_endpoint(const UniqueFd& socket);

/// AF_INET or AF_INET6: decides how addresses are written for it.
int socket_family(int fd) noexcept;

}  // namespace vpnd::tunio
