// The daemon as a table of contents: read the configuration, answer what was asked, or run until a signal.

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "vpnd/config/compatibility.hpp"
#include "vpnd/config/help.hpp"
#include "vpnd/config/load.hpp"
#include "vpnd/control/data_path.hpp"
#include "vpnd/control/logging.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/daemon.hpp"
#include "vpnd/generate_key.hpp"
#include "vpnd/host/background_start.hpp"
#include "vpnd/host/pid_file.hpp"
#include "vpnd/host/service_manager.hpp"
#include "vpnd/show.hpp"

namespace vpnd {
namespace {

constexpr int kUsageError = 1;

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

// Works in a directory for as long as it lives.
class InDirectory {
 public:
  explicit InDirectory(const std::filesystem::path& directory) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(directory);
  }
  InDirectory(const InDirectory&) = delete;
  InDirectory& operator=(const InDirectory&) = delete;
  ~InDirectory() {
    std::error_code ignored;
    std::filesystem::current_path(before_, ignored);
  }

 private:
  const std::filesystem::path before_;
};

// File names on a command line count from where it was given, whatever `cd` has said since.
config::Loaded read_again(const std::vector<std::string>& arguments, const std::filesystem::path& given_in) {
  const InDirectory there(given_in);
  return config::load(arguments);
}

int run_daemon(const std::vector<std::string>& arguments, config::Loaded loaded) {
  const config::ProcessOptions process = loaded.options.process;
  const auto started_in = std::filesystem::current_path();
  change_directory(loaded.options);
  std::optional<host::BackgroundStart> background;
  if (process.daemon_name && !host::ServiceManager().supervised()) background.emplace();
  if (process.nice && ::nice(*process.nice) == -1) spdlog::warn("nice {} was refused", *process.nice);
  control::set_up_logging(loaded.options.log, process.daemon_name);
  std::optional<host::PidFile> pid_file;
  if (!process.pid_file.empty()) pid_file.emplace(process.pid_file);
  try {
    Daemon daemon(loaded, [&] { return read_again(arguments, started_in); });
    while (true) {
      log_start(loaded);
      daemon.prepare();
      if (background) background->succeeded();
      background.reset();
      auto [next, clean] = daemon.run();
      if (!next) return clean ? 0 : 1;
      loaded = std::move(*next);
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
