#include "vpnd/config/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vpnd::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// One pass over a line, one word at a time.
class Tokeniser {
 public:
  explicit Tokeniser(std::string_view line) : rest_(line) {}

  Tokens run() {
    Tokens tokens;
    while (start_of_word()) {
      std::string word;
      tokens.error = take_word(word);
      if (tokens.error.empty() && word.size() >= kMaxWordSize)
        tokens.error = fmt::format("a word is longer than {} bytes", kMaxWordSize - 1);
      if (tokens.error.empty() && tokens.words.size() == kMaxWords)
        tokens.error = fmt::format("more than {} words on a line", kMaxWords);
      if (!tokens.error.empty()) {
        tokens.words.clear();
        return tokens;
      }
      tokens.words.push_back(std::move(word));
    }
    return tokens;
  }

 private:
  bool start_of_word() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    return !rest_.empty() && rest_.front() != '#' && rest_.front() != ';';
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // Returns the fault, or nothing.
  std::string take_word(std::string& word) {
    const char first = rest_.front();
    if (first == '\'') return take_single_quoted(word);
    const bool quoted = first == '"';
    if (quoted) take();
    while (!rest_.empty()) {
      const char c = take();
      if (c == '\\') {
        if (rest_.empty()) return "a backslash at the end of the line; write \\\\ for a backslash";
        const char escaped = take();
        if (escaped != '\\' && escaped != '"' && !is_blank(escaped)) {
          return "a backslash may stand only before a backslash, a double quote or a blank; write \\\\ for a "
                 "backslash";
        }
        word.push_back(escaped);
      } else if (quoted ? c == '"' : is_blank(c)) {
        return {};
      } else {
        word.push_back(c);
      }
    }
    return quoted ? "a double quote is not closed" : "";
  }

  std::string take_single_quoted(std::string& word) {
    take();
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) return "a single quote is not closed";
    word = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return {};
  }

  std::string_view rest_;
};

// `<name>` → "name".
std::optional<std::string> block_name(const std::vector<std::string>& words) {
  if (words.size() != 1) return std::nullopt;
  const std::string& word = words.front();
  if (word.size() < 3 || word.front() != '<' || word.back() != '>' || word[1] == '/') return std::nullopt;
  return word.substr(1, word.size() - 2);
}

std::string_view without_leading_blanks(std::string_view line) {
  const auto first = std::find_if_not(line.begin(), line.end(), is_blank);
  return line.substr(static_cast<std::size_t>(first - line.begin()));
}

}  // namespace

Tokens tokenise(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return {{}, "a NUL byte in the line"};
  return Tokeniser(line).run();
}

StatementReader::StatementReader(std::string_view text, std::string source, unsigned first_line)
    : rest_(text), source_(std::move(source)), line_(first_line - 1) {
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
}

std::optional<Statement> StatementReader::next() {
  while (!rest_.empty()) {
    const std::string_view line = take_line();
    if (line.size() >= kMaxLineSize)
      throw ConfigError({here(), "", fmt::format("the line is longer than {} bytes", kMaxLineSize - 1)});
    Tokens tokens = tokenise(line);
    if (!tokens.error.empty()) throw ConfigError({here(), "", std::move(tokens.error)});
    if (tokens.words.empty()) continue;

    Statement statement{std::move(tokens.words), std::nullopt, here()};
    std::string& name = statement.words.front();
    if (name.size() >= 3 && name.starts_with("--")) name.erase(0, 2);
    if (const auto block = block_name(statement.words)) {
      name = *block;
      read_block(statement);
    }
    return statement;
  }
  return std::nullopt;
}

void StatementReader::read_block(Statement& statement) {
  const std::string& name = statement.words.front();
  const std::string end = fmt::format("</{}>", name);
  std::string text;
  while (!rest_.empty()) {
    const std::string_view line = take_line();
    if (without_leading_blanks(line).starts_with(end)) {
      statement.inline_text = std::move(text);
      return;
    }
    text += line;
    text += '\n';
  }
  throw ConfigError({statement.where, fmt::format("<{}>", name),
                     fmt::format("the block is not closed; {} is missing", end)});
}

std::string_view StatementReader::take_line() {
  const std::size_t end = std::min(rest_.find('\n'), rest_.size());
  std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  ++line_;
  return line;
}

}  // namespace vpnd::config
