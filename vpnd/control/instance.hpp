// What main runs: a server or a client.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "vpnd/config/options.hpp"

namespace vpnd::control {

/// How an instance ended.
struct Outcome {
  bool clean = true;
  std::string reason;
};

/// Hears of an instance's two decisive moments, from the io_context.
class InstanceObserver {
 public:
  virtual ~InstanceObserver() = default;
  /// Traffic can flow: a server listens, a client's tunnel is up. Again after each reconnect of a client.
  virtual void on_ready(const std::string& status) = 0;
  /// There is nothing left to run. Called once.
  virtual void on_ended(const Outcome& outcome) = 0;
};

class Instance {
 public:
  virtual ~Instance() = default;
  /// Everything that needs privileges: devices, sockets, addresses. Throws for what makes running impossible.
  virtual void prepare() = 0;
  /// Starts threads and timers. `observer` outlives the instance.
  virtual void start(InstanceObserver& observer) = 0;
  /// Says goodbye to the peers, takes everything back, then calls on_ended(). `signal` is why, as hooks have
  /// it in their variable of that name: "sigterm", "sigint", or "sighup" for all to be begun anew.
  virtual void stop(std::string_view signal) = 0;
  /// SIGUSR1: connects anew, or makes the clients do so.
  virtual void restart() = 0;
  /// SIGUSR2: statistics to the log.
  virtual void log_statistics() = 0;
  /// SIGHUP, when nothing differs that config::directives_needing_restart() would name: makes what `fresh`
  /// asks for, and returns what puts it to use, to be called once the options that this was constructed with
  /// have become `fresh`. Sessions go on. Throws config::ConfigError and has changed nothing then. Empty:
  /// only a new start takes a configuration over.
  virtual std::function<void()> prepare_reload(const config::Options& fresh) = 0;
};

}  // namespace vpnd::control
