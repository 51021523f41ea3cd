// Where something stands in a configuration, and what is said about it.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace vpnd::config {

// A line of a file, or a source without lines: "command line", "pushed option".
struct Location {
  std::string source;
  unsigned line = 0;  // 0: the source has no lines

  bool operator==(const Location&) const = default;
};

// One remark of one line: `server.conf:12: "prot": unknown directive; did you mean "proto"?`.
struct Diagnostic {
  Location where;
  std::string word;  // the word at fault; may be empty
  std::string text;  // what is wrong and what to do about it

  bool operator==(const Diagnostic&) const = default;
};

std::string format(const Location& where);
std::string format(const Diagnostic& diagnostic);

// The configuration cannot be used. what() holds one line for each fault found, at least one.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(Diagnostic diagnostic);
  explicit ConfigError(std::vector<Diagnostic> diagnostics);

  std::span<const Diagnostic> diagnostics() const noexcept { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace vpnd::config
