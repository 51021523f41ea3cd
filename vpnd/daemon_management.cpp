#include "vpnd/daemon_management.hpp"

#include <spdlog/spdlog.h>

#include <asio/post.hpp>
#include <chrono>
#include <csignal>
#include <string>

namespace vpnd {

namespace {

int number_of(management::Signal signal) {
  switch (signal) {
    case management::Signal::hup:
      return SIGHUP;
    case management::Signal::term:
      return SIGTERM;
    case management::Signal::usr1:
      return SIGUSR1;
    case management::Signal::usr2:
      return SIGUSR2;
  }
  return SIGTERM;
}

std::int64_t unix_time() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

}  // namespace

DaemonManagement::DaemonManagement(asio::io_context& context, const config::Options& options,
                                   std::function<void(int)> act_on)
    : context_(context),
      options_(options),
      interface_(options.management, "vpnd " VPND_VERSION " " VPND_PLATFORM, log_knobs_, unix_time),
      sockets_(context, options.management, interface_) {
  // Lines come from any thread, and from the middle of what the interface does.
  control::set_log_listener([this](char flag, std::string_view text) {
    asio::post(context_, [this, flag, line = std::string(text)] { interface_.log(flag, line); });
  });
  interface_.set_signal_handler([this, act_on](management::Signal signal) {
    asio::post(context_, [act_on, number = number_of(signal)] { act_on(number); });
  });
  sockets_.on_other_end_left([this, act_on = std::move(act_on)] {
    spdlog::info("MANAGEMENT: Triggering management exit");
    asio::post(context_, [act_on] { act_on(SIGTERM); });
  });
}

DaemonManagement::~DaemonManagement() {
  control::set_log_listener({});
}

void DaemonManagement::start_when_released(std::function<void()> start) {
  if (options_.mode == config::Mode::client || !interface_.hold()) return start();
  spdlog::info("Need hold release from management interface, waiting...");
  interface_.await_release(0, [this, start = std::move(start)] { asio::post(context_, start); });
}

}  // namespace vpnd
