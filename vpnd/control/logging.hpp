// Where log lines go and what they look like: `verb`, `log`, `log-append`, `syslog`, `suppress-timestamps`,
// `mute`. Management clients read the log too, and turn its knobs.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "vpnd/config/process_options.hpp"
#include "vpnd/management/interface.hpp"

namespace vpnd::control {

/// Installs the process's logger. Throws std::runtime_error when the file cannot be opened. `daemon_name`:
/// the syslog name of a daemon without a log file.
void set_up_logging(const config::LogOptions& log, const std::optional<std::string>& daemon_name);

/// Hears each line, on the thread that wrote it. `flag`: I, W, N (an error), F (fatal) or D.
using LogListener = std::function<void(char flag, std::string_view text)>;

/// The listener of the logger in force, from now on; nobody with an empty one. Once this has returned the
/// former one is not called any more.
void set_log_listener(LogListener listener);

/// Knobs of the logger in force.
class LogKnobs final : public management::LogControl {
 public:
  unsigned verbosity() const override;
  void set_verbosity(unsigned verbosity) override;
  unsigned mute() const override;
  void set_mute(unsigned lines) override;
};

}  // namespace vpnd::control
