#include "vpnd/daemon.hpp"

#include <fmt/format.h>
#include <linux/capability.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <utility>
#include <vector>

#include "crypto/aead.hpp"
#include "vpnd/config/programs.hpp"
#include "vpnd/config/reload.hpp"
#include "vpnd/control/client.hpp"
#include "vpnd/control/logging.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/server.hpp"
#include "vpnd/host/confinement.hpp"

namespace vpnd {

Daemon::Daemon(config::Loaded& loaded, std::function<config::Loaded()> read_again)
    : loaded_(loaded),
      read_again_(std::move(read_again)),
      signals_(context_, SIGTERM, SIGINT, SIGUSR1),
      watchdog_(context_) {
  signals_.add(SIGUSR2);
  signals_.add(SIGHUP);
  await_signal();
  feed_watchdog();
}

void Daemon::prepare() {
  open_management();
  try {
    begin_instance();
  } catch (const std::exception& error) {
    if (management_) management_->report_failure(error.what());
    throw;
  }
}

void Daemon::begin_instance() {
  make_instance();
  control::choose_aead_backend(loaded_.options.batch.aead);
  spdlog::info("data ciphers by {}", crypto::describe_aead_backend());
  instance_->prepare();
  give_up_privileges();
  host::forbid_core_dumps();
}

void Daemon::open_management() {
  const config::Options& options = loaded_.options;
  if (!options.management.enabled()) return;
  if (!management_) {
    management_ =
        std::make_unique<DaemonManagement>(context_, options, [this](int signal) { act_on(signal); });
  }
  management_->announce_start();
}

void Daemon::make_instance() {
  ready_.reset();
  clean_ = true;
  management::Interface* const management = management_ ? &management_->interface() : nullptr;
  if (loaded_.options.mode == config::Mode::server) {
    instance_ = std::make_unique<control::Server>(context_, loaded_.options, management);
  } else {
    instance_ = std::make_unique<control::Client>(context_, loaded_.options, management);
  }
}

void Daemon::give_up_privileges() {
  const config::ProcessOptions& process = loaded_.options.process;
  const bool has_scripts = !config::programs(loaded_.options).empty();
  host::PrivilegeRequest request{
      .user = process.user,
      .group = process.group,
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
}

// Files that are written again and again must stay writable for the user we become.
void Daemon::hand_over_files(const host::PrivilegeRequest& request) const {
  std::vector<std::filesystem::path> files;
  const config::Options& options = loaded_.options;
  if (options.log.status) files.push_back(options.log.status->path);
  if (const auto& pool = options.server.pool_persistence; pool && pool->interval.count() > 0) {
    files.push_back(pool->path);
  }
  for (const auto& file : files) {
    const auto prepared = host::prepare_file_for(request, file);
    if (!prepared.ok()) spdlog::warn("{}", prepared.reason);
  }
}

Daemon::Result Daemon::run() {
  const auto start = [this] {
    started_ = true;
    instance_->start(*this);
  };
  context_.restart();
  management_ ? management_->start_when_released(start) : start();
  context_.run();
  let_go_of_instance();
  return {std::exchange(next_, std::nullopt), clean_};
}

// What the instance has posted refers to it and runs before it goes; what its end cancels says so and runs
// after that.
void Daemon::let_go_of_instance() {
  run_what_is_ready();
  started_ = false;
  instance_.reset();
  if (management_) management_->interface().withdraw();
  run_what_is_ready();
  if (!next_ || !keeps_management_) management_.reset();
}

// Management clients may keep this context busy for ever; what was ready at the beginning is far less than
// this.
void Daemon::run_what_is_ready() {
  constexpr int kMost = 10'000;
  context_.restart();
  for (int handlers = 0; handlers < kMost && context_.poll_one() > 0; ++handlers) context_.restart();
}

void Daemon::on_ready(const std::string& status) {
  ready_ = status;
  service_.ready(status);
}

void Daemon::on_ended(const control::Outcome& outcome) {
  clean_ = outcome.clean;
  if (!next_) service_.stopping(outcome.reason);
  outcome.clean ? spdlog::info("{}", outcome.reason) : spdlog::error("{}", outcome.reason);
  if (management_ && !outcome.clean) management_->report_failure(outcome.reason);
  context_.stop();
}

void Daemon::await_signal() {
  signals_.async_wait([this](const asio::error_code& error, int signal) {
    if (error) return;
    act_on(signal);
    await_signal();
  });
}

// Before the start, while somebody holds it, there is nothing to connect anew or to count.
void Daemon::act_on(int signal) {
  switch (signal) {
    case SIGHUP:
      return read_configuration_again();
    case SIGUSR1:
      return started_ ? instance_->restart() : void();
    case SIGUSR2:
      return started_ ? instance_->log_statistics() : void();
    default:
      spdlog::info("{}[soft,] received, process exiting", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      next_.reset();
      return end(signal == SIGTERM ? "sigterm" : "sigint");
  }
}

void Daemon::end(std::string_view signal) {
  started_ ? instance_->stop(signal) : on_ended({true, "ended before the start"});
}

// A configuration that cannot be used changes nothing.
void Daemon::read_configuration_again() {
  spdlog::info("SIGHUP: the configuration is read again");
  service_.reloading();
  try {
    use(read_again_());
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    spdlog::error("SIGHUP: nothing has changed; the configuration that was read before stays in force");
  }
  if (ready_ && !next_) service_.ready(*ready_);
}

// A running server goes on with it if it can, so that no client notices; else all is begun anew.
void Daemon::use(config::Loaded&& fresh) {
  const auto obstacles = config::directives_needing_restart(loaded_, fresh);
  std::function<void()> put_to_use;
  if (started_ && obstacles.empty()) put_to_use = instance_->prepare_reload(fresh.options);
  if (!put_to_use) {
    if (!obstacles.empty())
      spdlog::info("SIGHUP: all is begun anew because of: {}", fmt::join(obstacles, ", "));
    keeps_management_ = std::ranges::none_of(
        obstacles, [](const std::string& directive) { return directive.starts_with("management"); });
    next_.emplace(std::move(fresh));
    return end("sighup");
  }
  for (const config::Diagnostic& warning : fresh.warnings) spdlog::warn("{}", config::format(warning));
  loaded_ = std::move(fresh);
  put_to_use();
  control::LogKnobs knobs;
  knobs.set_verbosity(loaded_.options.log.verbosity);
  knobs.set_mute(loaded_.options.log.mute);
  spdlog::info("SIGHUP: the configuration is in force, and sessions go on");
}

void Daemon::feed_watchdog() {
  const auto interval = service_.watchdog_interval();
  if (!interval) return;
  service_.watchdog();
  watchdog_.expires_after(*interval / 2);
  watchdog_.async_wait([this](const asio::error_code& error) {
    if (!error) feed_watchdog();
  });
}

}  // namespace vpnd
