// What the worker's thread owns and does. Only worker.cpp and worker_loop.cpp look in here.

#pragma once

#include <memory>
#include <vector>

#include "vpnd/dataplane/worker.hpp"

namespace vpnd::dataplane {

class Worker::Loop final : private InboundObserver {
 public:
  Loop(Worker& worker, const WorkerConfig& config, std::unique_ptr<tunio::BatchIo> io,
       std::unique_ptr<tunio::BufferPool> buffers);

  /// Until a Stop command.
  void run();

 private:
  void turn();
  void report_failures(const tunio::Arrivals& arrivals);
  void report_closed_streams(std::span<const tunio::StreamClosed> closed);
  void take_commands();
  void take_handed_over();
  void tick();
  void abandon(Peer& peer) noexcept;

  void carry_out(AddPeer& command);
  void carry_out(AddRemotePeer& command);
  void carry_out(RemovePeer& command);
  void carry_out(UpdatePeer& command);
  void carry_out(MovePeer& command);
  void carry_out(AddKey& command);
  void carry_out(SendWithKey& command);
  void carry_out(RetireKey& command);
  void carry_out(SetRoutes& command);
  void carry_out(SendControl& command);
  void carry_out(SendPayload& command);
  void carry_out(SendKeepalive& command);
  void carry_out(ReplaceUdp& command);
  void carry_out(ReplaceTun& command);
  void carry_out(AddStream& command);
  void carry_out(CloseStream& command);
  void carry_out(Stop& command);

  void on_control_packet(const Link& from, std::span<const std::byte> packet) override;
  void on_event(Event&& event) override;

  Worker& worker_;
  const crypto::Role role_;
  std::unique_ptr<tunio::BufferPool> buffers_;  // outlives io_, which may hold some of its buffers
  std::unique_ptr<tunio::BatchIo> io_;
  HandoverPort port_;
  PeerTable peers_;
  std::shared_ptr<crypto::CryptoFork> crypto_fork_;  // shared by both directions, one after the other
  Outbound outbound_;
  Inbound inbound_;
  std::shared_ptr<const routing::RouteTable> routes_;
  std::vector<Command> commands_;
  proto::TimePoint now_{};
  proto::TimePoint next_tick_{};
  bool stopping_ = false;
};

}  // namespace vpnd::dataplane
