// Sockets and event loop as the configuration asks for them.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/tcp_socket.hpp"
#include "tunio/udp_socket.hpp"
#include "vpnd/config/options.hpp"

namespace vpnd::control {

/// Bytes a TCP connection may hold in the kernel unsent, so that queues stand where packets can be dropped.
inline constexpr std::uint32_t kUnsentLimit = 128 * 1024;

/// The sockets of a listener, one per worker: a data packet reaches the worker `peer id mod N`, and what has
/// no peer id the first. Throws std::system_error.
std::vector<tunio::UniqueFd> open_udp_listener(const config::Options& options,
                                               const config::Listener& listener, std::size_t workers);
tunio::TcpListenOptions tcp_listen_options(const config::Options& options, const config::Listener& listener);

/// A client's socket towards a server that was resolved to `server`.
tunio::UdpOptions udp_options(const config::Options& options, const config::Remote& remote,
                              const tunio::Endpoint& server);
/// The same for a lane of the batch channel beside the first: at a port of its own, whichever is free.
tunio::UdpOptions lane_udp_options(const config::Options& options, const config::Remote& remote,
                                   const tunio::Endpoint& server);
/// With a SOCKS proxy in between (socks_relay.hpp): the relay's socket towards the proxy, which takes
/// datagrams at `proxy`; and the worker's socket towards the relay.
tunio::UdpOptions relay_udp_options(const config::Options& options, const config::Remote& remote,
                                    const tunio::Endpoint& proxy);
tunio::UdpOptions loopback_udp_options(const config::Options& options, const tunio::Endpoint& relay);
tunio::SocketOptions tcp_options(const config::Options& options, const config::Remote& remote,
                                 const tunio::Endpoint& server);

tunio::Engine engine(config::IoBackend wanted) noexcept;
tunio::IoConfig io_config(const config::Options& options, tunio::UniqueFd tun, tunio::UniqueFd udp);

/// One line for the log.
std::string describe(const tunio::IoCounters& counters);

}  // namespace vpnd::control
