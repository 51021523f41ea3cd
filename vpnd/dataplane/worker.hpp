// The data plane: one thread, one BatchIo. It reads, routes, seals and sends; receives, opens and writes; and
// carries control packets to and from the control thread, which owns every decision.

#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "crypto/crypto_fork.hpp"
#include "crypto/role.hpp"
#include "tunio/batch_io.hpp"
#include "vpnd/dataplane/inbound.hpp"
#include "vpnd/dataplane/mailbox.hpp"
#include "vpnd/dataplane/messages.hpp"
#include "vpnd/dataplane/outbound.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"

namespace vpnd::dataplane {

struct WorkerConfig {
  crypto::Role role = crypto::Role::client;
  WorkerId id;
  std::shared_ptr<Handover> handover;               ///< of all workers; none for one that is alone
  std::shared_ptr<crypto::CryptoFork> crypto_fork;  ///< keeps its pool alive; none: everything is done here
  tunio::IoConfig io;
  InboundPolicy inbound;
  OutboundLimits outbound;
  std::size_t buffers = 256;          ///< of 68 KiB for runs in flight; untouched ones cost nothing
  std::size_t control_packets = 512;  ///< waiting for the control thread; the rest is dropped and counted
};

/// Makes the event loop on the worker's thread; tests give a loop in memory.
using IoFactory = std::function<std::unique_ptr<tunio::BatchIo>(tunio::IoConfig, std::string& why)>;

/// Created, posted to, read from and destroyed by the control thread. The mailboxes are the only way in and
/// out.
class Worker {
 public:
  /// Starts the thread. `notify` is called from it when a mailbox for the control thread stops being empty.
  /// Throws what the factory throws.
  Worker(WorkerConfig config, std::function<void()> notify, const IoFactory& make_io = tunio::make_batch_io);
  /// Stops the thread after the commands posted so far were carried out and flushed.
  ~Worker();
  /// The first half of that: returns once the worker hands over nothing any more. Workers that share a
  /// Handover are all halted before one of them is destroyed.
  void halt();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  WorkerId id() const noexcept { return id_; }
  void post(Command&& command) { commands_.post(std::move(command)); }
  Mailbox<Event>& events() noexcept { return events_; }
  Mailbox<ControlPacket>& control_packets() noexcept { return control_packets_; }

  const DropCounters& drops() const noexcept { return drops_; }
  /// Which path into the kernel is in use and why, for the log.
  const std::string& data_path() const noexcept { return data_path_; }
  /// What the BatchIo counted, as of the last tick (at most a second old).
  tunio::IoCounters io_counters() const;
  /// Packets handed over to other workers.
  std::uint64_t handed_over() const noexcept;

 private:
  class Loop;

  void run(WorkerConfig config, const IoFactory& make_io,
           const std::function<void(std::exception_ptr)>& started);

  const WorkerId id_;
  DropCounters drops_;
  std::string data_path_;
  tunio::BatchIo* io_ = nullptr;          // set before the constructor returns, valid while the thread runs
  const Counter* handed_over_ = nullptr;  // the same
  std::atomic<bool> commands_waiting_{false};
  Mailbox<Command> commands_;
  Mailbox<Event> events_;
  Mailbox<ControlPacket> control_packets_;
  mutable std::mutex counters_mutex_;
  tunio::IoCounters counters_;
  std::promise<void> halted_;    // by the thread: it has left its loop
  std::promise<void> released_;  // for the thread: it may take down what others might still wake
  bool halting_ = false;
  std::thread thread_;
};

}  // namespace vpnd::dataplane
