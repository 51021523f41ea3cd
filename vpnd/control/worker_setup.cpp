#include "vpnd/control/worker_setup.hpp"

#include <utility>

#include "vpnd/control/socket_setup.hpp"

namespace vpnd::control {

dataplane::WorkerConfig worker_config(const config::Options& options, const TunnelDevice& device,
                                      tunio::UniqueFd queue, tunio::UniqueFd udp) {
  using tunio::Coalescer;
  dataplane::WorkerConfig config;
  config.io = io_config(options, std::move(queue), std::move(udp));
  config.inbound.udp_merging =
      device.udp_segmentation() ? Coalescer::UdpMerging::on : Coalescer::UdpMerging::off;
  config.inbound.tcp_merging =
      options.batch.offloads.tun_tso ? Coalescer::TcpMerging::on : Coalescer::TcpMerging::off;
  config.outbound.run_bytes = options.batch.size_bytes;
  config.outbound.pass_traffic_class = options.socket.pass_tos;
  return config;
}

}  // namespace vpnd::control
