// From a command line to Options: reads configuration files, expands macros, checks that all of it fits
// together.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vpnd/config/diagnostic.hpp"
#include "vpnd/config/options.hpp"

namespace vpnd::config {

// The whole content of a file, or throws std::system_error. "-" and "stdin" are not special.
using ReadFile = std::function<std::string(const std::filesystem::path&)>;

// Reads a file or a pipe; refuses what is larger than kMaxFileSize.
std::string read_from_disk(const std::filesystem::path& path);
inline constexpr std::size_t kMaxFileSize = std::size_t{4} << 20;

// A digest of all that a configuration says with one directive, by the directive's name. Digests can be
// compared within one process; they do not tell what was digested, which may be a key.
using DirectiveDigests = std::map<std::string, std::size_t, std::less<>>;

struct Loaded {
  Options options;
  std::vector<Diagnostic> warnings;  // in the order of the configuration; for the log
  DirectiveDigests digests;
};

// `arguments` is the command line without the program's name: `--name value…` words, or one lone file name.
// Throws ConfigError, with a line for every fault found.
// With Action::show_help, show_version, show_capabilities and generate_key, nothing else is required of the
// options.
Loaded load(std::span<const std::string> arguments, const ReadFile& read_file = read_from_disk);

// `vpnd --check-config FILE` says this on success: role, addresses, then one line per warning.
std::string check_report(const Loaded& loaded);

}  // namespace vpnd::config
