// Where log lines go and what they look like: `verb`, `log`, `log-append`, `syslog`, `suppress-timestamps`,
// `mute`.

#pragma once

#include "vpnd/config/process_options.hpp"

namespace vpnd::control {

/// Installs the process's logger. Throws std::runtime_error when the file cannot be opened. `daemon_name`:
/// the syslog name of a daemon without a log file.
void set_up_logging(const config::LogOptions& log, const std::optional<std::string>& daemon_name);

}  // namespace vpnd::control
