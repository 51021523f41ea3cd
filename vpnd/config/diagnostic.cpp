#include "vpnd/config/diagnostic.hpp"

#include <fmt/format.h>

namespace vpnd::config {

namespace {

std::string joined(const std::vector<Diagnostic>& diagnostics) {
  std::string lines;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!lines.empty()) lines += '\n';
    lines += format(diagnostic);
  }
  return lines;
}

}  // namespace

std::string format(const Location& where) {
  return where.line == 0 ? where.source : fmt::format("{}:{}", where.source, where.line);
}

std::string format(const Diagnostic& diagnostic) {
  if (diagnostic.word.empty()) return fmt::format("{}: {}", format(diagnostic.where), diagnostic.text);
  return fmt::format("{}: \"{}\": {}", format(diagnostic.where), diagnostic.word, diagnostic.text);
}

ConfigError::ConfigError(Diagnostic diagnostic)
    : ConfigError(std::vector<Diagnostic>{std::move(diagnostic)}) {}

ConfigError::ConfigError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error(joined(diagnostics)), diagnostics_(std::move(diagnostics)) {}

}  // namespace vpnd::config
