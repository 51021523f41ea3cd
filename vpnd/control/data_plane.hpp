// The control thread's end of the workers: commands go out to whom they concern, events and control packets
// come in as callbacks of the io_context.

#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tunio/unique_fd.hpp"
#include "vpnd/dataplane/worker.hpp"

namespace vpnd::control {

/// Hears what the workers report. Called on the control thread, one call at a time.
class DataPlaneObserver {
 public:
  virtual ~DataPlaneObserver() = default;
  /// Not authenticated; the bytes are valid during the call.
  virtual void on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) = 0;
  virtual void on_worker_event(dataplane::Event&& event) = 0;
};

/// Owns the workers and knows which of them has which peer. Belongs to the control thread.
class DataPlane {
 public:
  /// Starts one worker per configuration, at least one. Each `group_size` of them, one after the other, share
  /// a UDP listener. Throws std::system_error.
  DataPlane(asio::io_context& context, std::vector<dataplane::WorkerConfig> configs,
            DataPlaneObserver& observer, std::size_t group_size,
            const dataplane::IoFactory& make_io = tunio::make_batch_io);
  ~DataPlane();

  /// Carries the command to the worker it concerns, or to all. A peer belongs to the worker that has its
  /// stream, or over UDP to the worker `index mod N` of the listener's N, where datagrams with its peer id
  /// are steered to; so the lanes of a session, of which there are at most N, have a worker each. RemovePeer,
  /// UpdatePeer, SendWithKey and RetireKey name a session and go to all its lanes. A new stream goes to the
  /// next worker in turn.
  void post(dataplane::Command&& command);
  /// To one worker: a client's socket or connection.
  void post_to(dataplane::WorkerId worker, dataplane::Command&& command);

  /// Sends one control packet to where the link leads; `peer` is whose ping timer it resets.
  void send_control(const dataplane::Link& to, std::span<const std::byte> packet,
                    std::optional<dataplane::PeerIndex> peer = std::nullopt);

  std::size_t worker_count() const noexcept { return stations_.size(); }
  /// How many workers share a UDP listener.
  std::size_t group_size() const noexcept { return group_size_; }

  /// A packet that the control plane dropped.
  void count_drop(proto::DropReason reason) noexcept { control_drops_.count(reason); }
  /// Packets dropped for this reason on the data path (the event loops' as of their last tick) and on the
  /// control path.
  std::uint64_t drops(proto::DropReason reason) const;
  /// "bad_tag=3 replayed=1", only what is not zero; "none".
  std::string describe_drops() const;
  /// How many workers there are, which path into the kernel is in use and why, for the log.
  std::string describe() const;
  /// What the event loops counted, a line for each worker.
  std::vector<std::string> describe_io() const;

 private:
  // A worker, and what was taken out of its mailboxes; the vectors keep their capacity.
  struct Station {
    std::unique_ptr<dataplane::Worker> worker;
    std::vector<dataplane::Event> events;
    std::vector<dataplane::ControlPacket> control_packets;
  };

  // What there is to know of the peer with an index; for a session's first lane, of the session.
  struct Place {
    dataplane::WorkerId owner{};
    std::uint32_t lanes = 1;
  };

  void await_messages();
  void take_messages();

  Place& place(dataplane::PeerIndex peer);
  dataplane::WorkerId owner(dataplane::PeerIndex peer) const;
  dataplane::WorkerId owner_by(const dataplane::Link& link, dataplane::PeerIndex peer) const;

  // How each command finds its worker.
  void route(dataplane::AddPeer&& command);
  void route(dataplane::RemovePeer&& command);
  void route(dataplane::UpdatePeer&& command);
  void route(dataplane::SendKeepalive&& command);
  void route(dataplane::MovePeer&& command);
  void route(dataplane::SendWithKey&& command);
  void route(dataplane::RetireKey&& command);
  void route(dataplane::SetRoutes&& command);
  void route(dataplane::SendControl&& command);
  void route(dataplane::AddStream&& command);
  void route(dataplane::CloseStream&& command);
  void route(auto&& command);
  void post_to_all(const auto& command);
  // Calls `post` with the command for each lane of the session it names.
  void for_each_lane(const auto& command, auto&& post);
  void post_to_lanes(const auto& command);

  DataPlaneObserver& observer_;
  tunio::UniqueFd bell_;  // rung by a worker when one of its mailboxes for us stops being empty
  asio::posix::stream_descriptor bell_waiter_;
  dataplane::DropCounters control_drops_;
  std::shared_ptr<dataplane::Handover> handover_;  // none for one worker
  std::vector<Station> stations_;
  const std::size_t group_size_;
  std::vector<Place> places_;  // by peer index
  std::uint32_t next_for_stream_ = 0;
};

}  // namespace vpnd::control
