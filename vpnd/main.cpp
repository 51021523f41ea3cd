// The daemon as a table of contents: read the configuration, do what needs privileges, give them up, run
// until a signal.

#include <fmt/format.h>
#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/aead.hpp"
#include "vpnd/config/compatibility.hpp"
#include "vpnd/config/help.hpp"
#include "vpnd/config/load.hpp"
#include "vpnd/config/programs.hpp"
#include "vpnd/control/client.hpp"
#include "vpnd/control/data_path.hpp"
#include "vpnd/control/logging.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/server.hpp"
#include "vpnd/daemon_management.hpp"
#include "vpnd/generate_key.hpp"
#include "vpnd/host/background_start.hpp"
#include "vpnd/host/confinement.hpp"
#include "vpnd/host/pid_file.hpp"
#include "vpnd/host/privileges.hpp"
#include "vpnd/host/service_manager.hpp"
#include "vpnd/show.hpp"

namespace vpnd {
namespace {

constexpr int kUsageError = 1;

// Runs one instance and turns signals into calls.
class Daemon final : public control::InstanceObserver {
 public:
  explicit Daemon(const config::Options& options)
      : options_(options), signals_(context_, SIGTERM, SIGINT, SIGUSR1), watchdog_(context_) {
    signals_.add(SIGUSR2);
    signals_.add(SIGHUP);
    if (options.management.enabled())
      management_ =
          std::make_unique<DaemonManagement>(context_, options, [this](int signal) { act_on(signal); });
    management::Interface* const management = management_ ? &management_->interface() : nullptr;
    if (options.mode == config::Mode::server) {
      instance_ = std::make_unique<control::Server>(context_, options, management);
    } else {
      instance_ = std::make_unique<control::Client>(context_, options, management);
    }
  }

  /// What must happen with the privileges the process was started with.
  void prepare() {
    control::choose_aead_backend(options_.batch.aead);
    spdlog::info("data ciphers by {}", crypto::describe_aead_backend());
    instance_->prepare();
    const bool has_scripts = !config::programs(options_).empty();
    const config::ProcessOptions& process = options_.process;
    host::PrivilegeRequest request{
        .user = options_.process.user,
        .group = options_.process.group,
        .keep_capabilities = {CAP_NET_ADMIN},
        .new_privileges = has_scripts ? host::NewPrivileges::allowed : host::NewPrivileges::forbidden};
    const bool drops = !request.user.empty() || !request.group.empty();
    if (drops) hand_over_files(request);
    if (process.lock_memory) host::lock_memory();
    if (!process.root.empty()) {
      request = host::with_numbers(request);  // the names are looked up in files that will be out of reach
      host::change_root(process.root);
    }
    if (!process.security_context.empty()) host::enter_security_context(process.security_context);
    if (drops) host::drop_privileges(request);
    host::forbid_core_dumps();
  }

  enum class End { exit, reload };
  struct Result {
    End end;
    bool clean;
  };

  Result run() {
    await_signal();
    feed_watchdog();
    const auto start = [this] {
      started_ = true;
      instance_->start(*this);
    };
    management_ ? management_->start_when_released(start) : start();
    context_.run();
    instance_.reset();
    management_.reset();
    return {reload_ ? End::reload : End::exit, clean_};
  }

  void on_ready(const std::string& status) override { service_.ready(status); }

  void on_ended(const control::Outcome& outcome) override {
    clean_ = outcome.clean;
    service_.stopping(outcome.reason);
    outcome.clean ? spdlog::info("{}", outcome.reason) : spdlog::error("{}", outcome.reason);
    if (management_ && !outcome.clean) management_->report_failure(outcome.reason);
    context_.stop();
  }

 private:
  // Files that are written again and again must stay writable for the user we become.
  void hand_over_files(const host::PrivilegeRequest& request) {
    std::vector<std::filesystem::path> files;
    if (options_.log.status) files.push_back(options_.log.status->path);
    if (const auto& pool = options_.server.pool_persistence; pool && pool->interval.count() > 0) {
      files.push_back(pool->path);
    }
    for (const auto& file : files) {
      const auto prepared = host::prepare_file_for(request, file);
      if (!prepared.ok()) spdlog::warn("{}", prepared.reason);
    }
  }

  void await_signal() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      act_on(signal);
      await_signal();
    });
  }

  // Before the start, while somebody holds it, there is nothing to stop or restart.
  void end_without_start(int signal) {
    if (signal == SIGUSR1 || signal == SIGUSR2) return;
    reload_ = signal == SIGHUP;
    on_ended({true, "ended before the start"});
  }

  void act_on(int signal) {
    if (!started_) return end_without_start(signal);
    switch (signal) {
      case SIGUSR1:
        return instance_->restart();
      case SIGUSR2:
        return instance_->log_statistics();
      case SIGHUP:
        spdlog::info("SIGHUP: the configuration is read again");
        service_.reloading();
        reload_ = true;
        return instance_->stop();
      default:
        spdlog::info("{}[soft,] received, process exiting", signal == SIGTERM ? "SIGTERM" : "SIGINT");
        reload_ = false;
        return instance_->stop();
    }
  }

  void feed_watchdog() {
    const auto interval = service_.watchdog_interval();
    if (!interval) return;
    service_.watchdog();
    watchdog_.expires_after(*interval / 2);
    watchdog_.async_wait([this](const asio::error_code& error) {
      if (!error) feed_watchdog();
    });
  }

  const config::Options& options_;
  asio::io_context context_;
  asio::signal_set signals_;
  asio::steady_timer watchdog_;
  host::ServiceManager service_;
  std::unique_ptr<DaemonManagement> management_;  // outlives the instance, which tells it things
  std::unique_ptr<control::Instance> instance_;
  bool started_ = false;
  bool reload_ = false;
  bool clean_ = true;
};

void change_directory(const config::Options& options) {
  const auto& directory = options.process.directory;
  if (!directory.empty() && ::chdir(directory.c_str()) != 0) {
    throw std::system_error(errno, std::generic_category(), "cd " + directory.string());
  }
}

void log_start(const config::Loaded& loaded) {
  spdlog::info("vpnd " VPND_VERSION " " VPND_PLATFORM "");
  for (const config::Diagnostic& warning : loaded.warnings) spdlog::warn("{}", config::format(warning));
}

int run_daemon(const std::vector<std::string>& arguments, config::Loaded loaded) {
  const config::ProcessOptions process = loaded.options.process;
  change_directory(loaded.options);
  std::optional<host::BackgroundStart> background;
  if (process.daemon_name && !host::ServiceManager().supervised()) background.emplace();
  if (process.nice && ::nice(*process.nice) == -1) spdlog::warn("nice {} was refused", *process.nice);
  control::set_up_logging(loaded.options.log, process.daemon_name);
  std::optional<host::PidFile> pid_file;
  if (!process.pid_file.empty()) pid_file.emplace(process.pid_file);
  try {
    while (true) {
      log_start(loaded);
      Daemon daemon(loaded.options);
      daemon.prepare();
      if (background) background->succeeded();
      background.reset();
      const auto [end, clean] = daemon.run();
      if (end == Daemon::End::exit) return clean ? 0 : 1;
      loaded = config::load(arguments);
      control::set_up_logging(loaded.options.log, process.daemon_name);
    }
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    if (background) background->failed(error.what());
    host::ServiceManager().failed(EINVAL, error.what());
    return kUsageError;
  }
}

int run(const std::vector<std::string>& arguments) {
  config::Loaded loaded = config::load(arguments);
  switch (loaded.options.process.action) {
    case config::Action::show_help:
      fmt::print("{}", config::help_text());
      return 0;
    case config::Action::list_directives:
      fmt::print("{}", config::compatibility_page());
      return 0;
    case config::Action::show_version:
      show_version();
      return 0;
    case config::Action::show_ciphers:
      show_ciphers();
      return 0;
    case config::Action::show_digests:
      show_digests();
      return 0;
    case config::Action::show_tls:
      show_tls(loaded.options);
      return 0;
    case config::Action::show_groups:
      show_groups();
      return 0;
    case config::Action::make_device:
      make_persistent_device(loaded.options);
      return 0;
    case config::Action::remove_device:
      remove_persistent_device(loaded.options);
      return 0;
    case config::Action::show_capabilities:
      control::choose_aead_backend(loaded.options.batch.aead);
      fmt::print("{}", control::capabilities_report(loaded.options.batch,
                                                    control::probe_capabilities(loaded.options)));
      return 0;
    case config::Action::check_config:
      fmt::print("{}", config::check_report(loaded));
      return 0;
    case config::Action::generate_key:
      return generate_key(*loaded.options.process.generate_key);
    case config::Action::run:
      break;
  }
  return run_daemon(arguments, std::move(loaded));
}

}  // namespace
}  // namespace vpnd

int main(int argc, char** argv) {
  try {
    return vpnd::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return vpnd::kUsageError;
  }
}
