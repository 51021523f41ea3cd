// The process around an instance, server or client: what it needs privileges for, signals, the service
// manager, the management interface. An instance ends when all is begun anew; the process and its management
// clients stay.

#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vpnd/config/load.hpp"
#include "vpnd/control/instance.hpp"
#include "vpnd/daemon_management.hpp"
#include "vpnd/host/privileges.hpp"
#include "vpnd/host/service_manager.hpp"

namespace vpnd {

/// Runs one instance after the other and turns signals into calls.
class Daemon final : public control::InstanceObserver {
 public:
  /// `loaded` changes when a running server takes over another configuration, which `read_again` reads, and
  /// by the caller between run() and prepare().
  Daemon(config::Loaded& loaded, std::function<config::Loaded()> read_again);

  /// Makes an instance of what is loaded: what must happen with the privileges the process was started with;
  /// gives them up then. Throws config::ConfigError and what control::Instance::prepare() throws.
  void prepare();

  struct Result {
    std::optional<config::Loaded> next;  // what to start anew with; nothing: exit
    bool clean;
  };
  /// Returns when a signal, or what the instance met with, has ended the instance.
  Result run();

  void on_ready(const std::string& status) override;
  void on_ended(const control::Outcome& outcome) override;

 private:
  void open_management();
  void begin_instance();
  void make_instance();
  void let_go_of_instance();
  void run_what_is_ready();
  void give_up_privileges();
  void hand_over_files(const host::PrivilegeRequest& request) const;
  void await_signal();
  void act_on(int signal);
  void end(std::string_view signal);
  void read_configuration_again();
  void use(config::Loaded&& fresh);
  void feed_watchdog();

  config::Loaded& loaded_;
  const std::function<config::Loaded()> read_again_;
  asio::io_context context_;
  asio::signal_set signals_;
  asio::steady_timer watchdog_;
  host::ServiceManager service_;
  std::unique_ptr<DaemonManagement> management_;  // outlives the instance, which tells it things
  std::unique_ptr<control::Instance> instance_;
  bool started_ = false;
  std::optional<std::string> ready_;    // what it was ready for
  std::optional<config::Loaded> next_;  // to start anew with
  bool keeps_management_ = false;       // with that
  bool clean_ = true;
};

}  // namespace vpnd
