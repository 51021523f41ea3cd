// The management interface of a running daemon: its sockets, its share of the log, and the signals that come
// through it.

#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "vpnd/config/options.hpp"
#include "vpnd/control/logging.hpp"
#include "vpnd/management/interface.hpp"
#include "vpnd/management/socket_server.hpp"

namespace vpnd {

/// Lives longer than the daemon's instance; `options` may change between two of them. Belongs to the control
/// thread.
class DaemonManagement {
 public:
  /// Opens the sockets. `act_on`: takes the number of a signal, later. Throws config::ConfigError.
  DaemonManagement(asio::io_context& context, const config::Options& options,
                   std::function<void(int)> act_on);
  ~DaemonManagement();

  management::Interface& interface() noexcept { return interface_; }
  /// Tells that an instance begins, the first or another one.
  void announce_start() { interface_.report(management::State::connecting); }
  /// Calls `start` at once, or when somebody has released the hold of a server. A client holds by itself,
  /// each time before it connects.
  void start_when_released(std::function<void()> start);
  /// Why it ends, for those who are told of it as >FATAL.
  void report_failure(const std::string& reason) { interface_.fatal(reason); }

 private:
  asio::io_context& context_;
  const config::Options& options_;
  control::LogKnobs log_knobs_;
  management::Interface interface_;
  management::SocketServer sockets_;
};

}  // namespace vpnd
