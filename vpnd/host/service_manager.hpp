// What the daemon tells the service manager that started it: systemd's notification protocol.

#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace vpnd::host {

// Stateless but for what the environment says. Without NOTIFY_SOCKET every call does nothing.
class ServiceManager {
 public:
  // Whether somebody listens; `daemon` in a configuration is then without effect, since the unit supervises
  // us.
  bool supervised() const;

  void ready(std::string_view status) const;
  void status(std::string_view status) const;
  void reloading() const;  // answer it with ready() when done
  void stopping(std::string_view status) const;
  void failed(int error_number, std::string_view status) const;

  // Call watchdog() at half of this interval, from the loop whose life it vouches for. None: no watchdog.
  std::optional<std::chrono::microseconds> watchdog_interval() const;
  void watchdog() const;
};

}  // namespace vpnd::host
