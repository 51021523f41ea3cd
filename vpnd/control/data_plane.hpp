// The control thread's end of the worker: commands go out, events and control packets come in as callbacks of
// the io_context.

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

/// Hears what the worker reports. Called on the control thread, one call at a time.
class DataPlaneObserver {
 public:
  virtual ~DataPlaneObserver() = default;
  /// Not authenticated; the bytes are valid during the call.
  virtual void on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) = 0;
  virtual void on_worker_event(dataplane::Event&& event) = 0;
};

/// Owns the worker. Belongs to the control thread.
class DataPlane {
 public:
  /// Starts the worker. Throws std::system_error.
  DataPlane(asio::io_context& context, dataplane::WorkerConfig config, DataPlaneObserver& observer);
  ~DataPlane();

  void post(dataplane::Command&& command) { worker_->post(std::move(command)); }
  /// Sends one control packet to where the link leads; `peer` is whose ping timer it resets.
  void send_control(const dataplane::Link& to, std::span<const std::byte> packet,
                    std::optional<dataplane::PeerIndex> peer = std::nullopt);

  /// A packet that the control plane dropped.
  void count_drop(proto::DropReason reason) noexcept { control_drops_.count(reason); }
  /// Packets dropped for this reason on the data path (the event loop's as of its last tick) and on the
  /// control path.
  std::uint64_t drops(proto::DropReason reason) const;
  /// "bad_tag=3 replayed=1", only what is not zero; "none".
  std::string describe_drops() const;
  const std::string& data_path() const noexcept { return worker_->data_path(); }
  tunio::IoCounters io_counters() const { return worker_->io_counters(); }

 private:
  void await_messages();
  void take_messages();

  DataPlaneObserver& observer_;
  tunio::UniqueFd bell_;  // rung by the worker when one of its mailboxes for us stops being empty
  asio::posix::stream_descriptor bell_waiter_;
  dataplane::DropCounters control_drops_;
  std::vector<dataplane::Event> events_;
  std::vector<dataplane::ControlPacket> control_packets_;
  std::unique_ptr<dataplane::Worker> worker_;
};

}  // namespace vpnd::control
