#include "vpnd/host/service_manager.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace vpnd::host {
namespace {

// A line end in a text would begin another variable.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

void notify(const std::string& message) {
  // Whether somebody hears it is not ours to repair: a lost message must not stop a tunnel.
  (void)sd_notify(0, message.c_str());
}

}  // namespace

bool ServiceManager::supervised() const {
  return std::getenv("NOTIFY_SOCKET") != nullptr;
}

void ServiceManager::ready(std::string_view status) const {
  notify(fmt::format("READY=1\nSTATUS={}", one_line(status)));
}

void ServiceManager::status(std::string_view status) const {
  notify(fmt::format("STATUS={}", one_line(status)));
}

void ServiceManager::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", microseconds));
}

void ServiceManager::stopping(std::string_view status) const {
  notify(fmt::format("STOPPING=1\nSTATUS={}", one_line(status)));
}

void ServiceManager::failed(int error_number, std::string_view status) const {
  notify(fmt::format("ERRNO={}\nSTATUS={}", error_number, one_line(status)));
}

std::optional<std::chrono::microseconds> ServiceManager::watchdog_interval() const {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds);
}

void ServiceManager::watchdog() const {
  notify("WATCHDOG=1");
}

}  // namespace vpnd::host
