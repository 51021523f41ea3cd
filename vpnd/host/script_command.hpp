// The command line of a script directive (`up "/etc/openvpn/up.sh 'two words' x"`), split as OpenVPN splits
// it, and the environment its program gets.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd::host {

// `error` is empty when the command is well formed; then `arguments` has at least the program.
struct [[nodiscard]] ScriptCommand {
  std::vector<std::string> arguments;
  std::string error;
};

// Words are separated by white space. "double" quotes keep white space, 'single' quotes keep everything; a
// closing quote ends the word. Outside of single quotes a backslash protects \\, \" or white space, and is an
// error before anything else. A word that begins with # or ; ends the command. No shell, no variables, no
// globs.
ScriptCommand split_command(std::string_view command);

// Variables for scripts. Starts out empty: nothing of the daemon's own environment is inherited but a fixed
// PATH.
class ScriptEnvironment {
 public:
  // False, and nothing set, when the name is not [A-Za-z_][A-Za-z0-9_]* or is one that changes how programs
  // are loaded or found (PATH, IFS, ENV, BASH_*, LD_*, …). Control characters in values become '_', as peers
  // choose some of them.
  bool set(std::string_view name, std::string_view value);
  void erase(std::string_view name);
  // Peer info as stock passes it on: only names that begin with IV_ or UV_.
  bool set_from_peer(std::string_view name, std::string_view value);

  // "NAME=value", sorted by name, PATH included.
  std::vector<std::string> entries() const;
  const std::map<std::string, std::string, std::less<>>& variables() const { return variables_; }

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

}  // namespace vpnd::host
