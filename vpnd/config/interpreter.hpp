// Runs statements: finds the directive, checks that it may stand here with these arguments, says what its
// verdict asks for, and calls its handler. Faults are collected, so that one look at the output shows them
// all.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/load.hpp"

namespace vpnd::config {

class Interpreter {
 public:
  // Borrows both.
  Interpreter(Draft& draft, const ReadFile& read_file) : draft_(draft), read_file_(read_file) {}

  void run_command_line(std::span<const std::string> arguments);

  const std::vector<Diagnostic>& errors() const { return errors_; }
  // Of the statements that counted.
  DirectiveDigests take_digests() { return std::move(digests_); }

 private:
  void run_file(const std::string& name, const Location& where);
  void run_text(std::string_view text, const std::string& source, unsigned first_line, Contexts context);
  void run(Statement statement, Contexts context);
  void run_checked(Statement statement, Contexts context);
  void run_connection_block(const Statement& statement);
  // Whether the handler should see it: warns or throws as the verdict says.
  bool verdict_allows(const Directive& directive, const Statement& statement, bool optional);
  void digest(const Statement& statement);
  void report(const ConfigError& error);

  Draft& draft_;
  const ReadFile& read_file_;
  std::vector<Diagnostic> errors_;
  DirectiveDigests digests_;
  unsigned depth_ = 0;  // of files that include files
};

}  // namespace vpnd::config
