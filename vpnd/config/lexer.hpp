// OpenVPN's configuration syntax: words, quotes, comments and inline blocks. It knows no directive.
//
//   line     ::= blank* [ word (blank+ word)* ] blank* [ ('#' | ';') anything ]
//   word     ::= '"' … '"'  |  '\'' … '\''  |  characters up to the next blank
//   \        outside '…' takes the next character as it is, which must be a backslash, a double quote or a
//   blank <name>   alone on a line starts a block that lasts until a line beginning with </name>; its lines
//   are kept as they are
//
// A '#' or ';' starts a comment only where a word could start; a quote inside a word is an ordinary
// character.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/config/diagnostic.hpp"

namespace vpnd::config {

inline constexpr std::size_t kMaxLineSize =
    256;  // bytes, the line's end included; not for lines of inline blocks
inline constexpr std::size_t kMaxWordSize = 256;  // bytes
inline constexpr std::size_t kMaxWords = 16;      // a directive's name included

// One directive as written: the name without leading "--", then its arguments.
struct Statement {
  std::vector<std::string> words;          // never empty
  std::optional<std::string> inline_text;  // the lines of its inline block; then there are no arguments
  Location where;
};

// The words of one line, or why it has none that can be used. Also for pushed options and client-config
// files.
struct [[nodiscard]] Tokens {
  std::vector<std::string> words;  // empty: a blank or commented line, or an error
  std::string error;               // empty: none
};
Tokens tokenise(std::string_view line);

// Walks through the statements of one file's text, which must outlive it. A UTF-8 byte order mark is skipped.
class StatementReader {
 public:
  StatementReader(std::string_view text, std::string source, unsigned first_line = 1);

  // The next statement, or nothing at the end. Throws ConfigError for a faulty line; the next call goes on
  // behind it.
  std::optional<Statement> next();

 private:
  std::string_view take_line();
  Location here() const { return {source_, line_}; }
  void read_block(Statement& statement);

  std::string_view rest_;
  std::string source_;
  unsigned line_;  // of the line taken last
};

}  // namespace vpnd::config
