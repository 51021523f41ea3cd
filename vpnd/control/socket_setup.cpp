#include "vpnd/control/socket_setup.hpp"

#include <fmt/format.h>

#include "proto/opcode.hpp"
#include "tunio/udp_group.hpp"
#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {

namespace {

// Bytes; 0: what the system gives.
struct Buffers {
  std::uint32_t receive = 0;
  std::uint32_t send = 0;
};
// Without `rcvbuf`: room for the bursts of one round trip at some Gbit/s; the kernel's default loses them.
// Without `sndbuf`: enough to keep a network device busy until the worker has woken up, and no more. What
// does not fit waits in a queue of our own, which loses single packets when it stands (run_queue.hpp), while
// the queue of a device loses whole runs.
constexpr Buffers kUdpBuffers{.receive = 4 * 1024 * 1024, .send = 256 * 1024};
constexpr Buffers kSystemBuffers;

// P_DATA_V2 carries the peer id behind its first byte (docs/protocol.md §1).
constexpr tunio::Steering kByPeerId{
    .mask = 0xf8000000, .match = static_cast<std::uint32_t>(proto::Opcode::data_v2) << 27, .key = 0x00ffffff};

tunio::SocketFamily family(config::AddressFamily family) {
  switch (family) {
    case config::AddressFamily::any:
      return tunio::SocketFamily::any;
    case config::AddressFamily::ipv4:
      return tunio::SocketFamily::ipv4;
    case config::AddressFamily::ipv6:
      return tunio::SocketFamily::ipv6;
  }
  return tunio::SocketFamily::any;
}

tunio::MtuDiscovery mtu_discovery(config::MtuDiscovery wanted) {
  switch (wanted) {
    case config::MtuDiscovery::system:
      return tunio::MtuDiscovery::system_default;
    case config::MtuDiscovery::no:
      return tunio::MtuDiscovery::never;
    case config::MtuDiscovery::maybe:
      return tunio::MtuDiscovery::want;
    case config::MtuDiscovery::yes:
      return tunio::MtuDiscovery::always;
  }
  return tunio::MtuDiscovery::system_default;
}

std::uint32_t buffer_size(const std::optional<std::size_t>& configured, std::uint32_t standard) {
  return static_cast<std::uint32_t>(configured.value_or(standard));
}

void set_common(tunio::SocketOptions& socket, const config::SocketOptions& configured,
                const Buffers& buffers) {
  socket.receive_buffer = buffer_size(configured.receive_buffer, buffers.receive);
  socket.send_buffer = buffer_size(configured.send_buffer, buffers.send);
  socket.mark = configured.mark.value_or(0);
  socket.device = configured.bind_device;
}

// Where a listener or a client is bound. `any_ipv6`: what no host name means, if not IPv4.
std::optional<tunio::Endpoint> local_address(const std::string& host, std::uint16_t port,
                                             tunio::SocketFamily family, const config::Location& where) {
  if (!host.empty()) {
    const auto endpoint = tunio::Endpoint::from_text(host, port);
    if (!endpoint) throw config::ConfigError({where, host, "local must be an IP address"});
    return endpoint;
  }
  return tunio::Endpoint::from_text(family == tunio::SocketFamily::ipv4 ? "0.0.0.0" : "::", port);
}

void set_listening(tunio::SocketOptions& socket, const config::Options& options,
                   const config::Listener& listener, const Buffers& buffers) {
  set_common(socket, options.socket, buffers);
  socket.family = family(listener.protocol.family);
  if (socket.family == tunio::SocketFamily::any && listener.ipv6_only)
    socket.family = tunio::SocketFamily::ipv6;
  socket.local = local_address(listener.host, listener.port, socket.family, listener.where);
  if (!listener.host.empty()) {
    socket.family = socket.local->address().is_v4() ? tunio::SocketFamily::ipv4 : tunio::SocketFamily::ipv6;
  }
}

void set_client(tunio::SocketOptions& socket, const config::Options& options, const config::Remote& remote,
                const tunio::Endpoint& server, const Buffers& buffers) {
  set_common(socket, options.socket, buffers);
  socket.family = server.address().is_v4() ? tunio::SocketFamily::ipv4 : tunio::SocketFamily::ipv6;
  const config::LocalBinding& local = remote.link.local;
  if (local.bind || !local.host.empty()) {
    socket.local =
        local_address(local.host, local.bind ? local.port : std::uint16_t{0}, socket.family, remote.where);
  }
}

}  // namespace

std::vector<tunio::UniqueFd> open_udp_listener(const config::Options& options,
                                               const config::Listener& listener, std::size_t workers) {
  tunio::UdpOptions udp;
  set_listening(udp, options, listener, kUdpBuffers);
  udp.mtu_discovery = mtu_discovery(options.link.mtu_discovery);
  udp.gro = options.batch.offloads.udp_gro;
  udp.note_local_address = options.socket.multihome && listener.host.empty();
  return tunio::open_udp_group(udp, static_cast<unsigned>(workers), kByPeerId);
}

tunio::TcpListenOptions tcp_listen_options(const config::Options& options, const config::Listener& listener) {
  tunio::TcpListenOptions tcp;
  set_listening(tcp, options, listener, kSystemBuffers);  // TCP sizes its buffers itself
  return tcp;
}

tunio::UdpOptions udp_options(const config::Options& options, const config::Remote& remote,
                              const tunio::Endpoint& server) {
  tunio::UdpOptions udp;
  set_client(udp, options, remote, server, kUdpBuffers);
  udp.mtu_discovery = mtu_discovery(remote.link.mtu_discovery);
  udp.gro = options.batch.offloads.udp_gro;
  return udp;
}

tunio::UdpOptions lane_udp_options(const config::Options& options, const config::Remote& remote,
                                   const tunio::Endpoint& server) {
  tunio::UdpOptions udp = udp_options(options, remote, server);
  if (udp.local) udp.local = tunio::Endpoint(udp.local->address(), 0, udp.local->scope());
  return udp;
}

tunio::UdpOptions relay_udp_options(const config::Options& options, const config::Remote& remote,
                                    const tunio::Endpoint& proxy) {
  tunio::UdpOptions udp = udp_options(options, remote, proxy);
  udp.gro = false;
  udp.remote = proxy;
  return udp;
}

tunio::UdpOptions loopback_udp_options(const config::Options& options, const tunio::Endpoint& relay) {
  tunio::UdpOptions udp;
  udp.family = tunio::SocketFamily::ipv4;
  udp.local = tunio::Endpoint(relay.address(), 0);
  udp.receive_buffer = buffer_size(options.socket.receive_buffer, kUdpBuffers.receive);
  udp.send_buffer = buffer_size(options.socket.send_buffer, kUdpBuffers.send);
  udp.gro = options.batch.offloads.udp_gro;
  udp.remote = relay;
  return udp;
}

tunio::SocketOptions tcp_options(const config::Options& options, const config::Remote& remote,
                                 const tunio::Endpoint& server) {
  tunio::SocketOptions tcp;
  set_client(tcp, options, remote, server, kSystemBuffers);
  if (tcp.local && remote.link.local.bind && remote.link.local.port == config::kDefaultPort)
    tcp.local.reset();
  return tcp;
}

tunio::Engine engine(config::IoBackend wanted) noexcept {
  switch (wanted) {
    case config::IoBackend::automatic:
      return tunio::Engine::automatic;
    case config::IoBackend::uring:
      return tunio::Engine::io_uring;
    case config::IoBackend::epoll:
      return tunio::Engine::epoll;
  }
  return tunio::Engine::automatic;
}

tunio::IoConfig io_config(const config::Options& options, tunio::UniqueFd tun, tunio::UniqueFd udp) {
  tunio::IoConfig io;
  io.tun = std::move(tun);
  io.udp = std::move(udp);
  const config::BatchOptions& batch = options.batch;
  io.engine = engine(batch.io);
  io.udp_segmentation = batch.offloads.udp_gso ? tunio::Offload::on : tunio::Offload::off;
  io.tun_slots = batch.packets;
  io.net_slots = batch.packets;
  io.hold = batch.hold;
  return io;
}

std::string describe(const tunio::IoCounters& counters) {
  return fmt::format(
      "turns={} syscalls={} tun_read={}/{} tun_written={}/{} udp_received={} runs/{} datagrams udp_sent={} "
      "runs/{} "
      "datagrams gso_fallbacks={} starved={} tun_write_errors={} send_errors={} send_queue_full={} "
      "stream_full={}",
      counters.waits, counters.system_calls, counters.tun_reads, counters.tun_read_bytes, counters.tun_writes,
      counters.tun_write_bytes, counters.udp_runs_received, counters.udp_datagrams_received,
      counters.udp_runs_sent, counters.udp_datagrams_sent, counters.gso_fallbacks,
      counters.receive_starvations, counters.tun_write_errors, counters.udp_send_errors,
      counters.udp_send_queue_full, counters.stream_write_full);
}

}  // namespace vpnd::control
