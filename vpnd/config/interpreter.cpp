#include "vpnd/config/interpreter.hpp"

#include <fmt/format.h>

#include <functional>
#include <system_error>
#include <utility>

namespace vpnd::config {

namespace {

constexpr unsigned kMaxDepth = 10;      // as OpenVPN
constexpr std::size_t kMaxErrors = 30;  // more than anybody reads at a time

std::string why_not_here(const Directive& directive, Contexts context) {
  if (directive.contexts == kPushed) return "only a server pushes it; remove it";
  if (directive.contexts == kInClientConfig) return "belongs into a file of client-config-dir";
  if (directive.contexts == kOnCommandLine) return "is for the command line only";
  if (context == kInConnection) return "not allowed in a connection block; write it outside";
  return "not allowed here";
}

std::string unknown(std::string_view name) {
  const std::string_view near = suggestion(name);
  if (near.empty())
    return fmt::format("unknown directive; remove it, or let it pass with ignore-unknown-option {}", name);
  return fmt::format("unknown directive; did you mean \"{}\"?", near);
}

void check_place(const Directive& directive, const Statement& statement, Contexts context) {
  const std::string& name = statement.words.front();
  if ((directive.contexts & context) == 0)
    throw ConfigError({statement.where, name, why_not_here(directive, context)});
  if (statement.inline_text && directive.allows_inline == Inline::no)
    throw ConfigError({statement.where, fmt::format("<{}>", name), "cannot be given inline"});
}

void check_count(const Directive& directive, const Statement& statement) {
  const Arguments arguments(statement);
  if (arguments.is_inline()) return;
  const auto [min, max] = directive.arguments;
  if (arguments.size() < min)
    arguments.fail(directive.name, fmt::format("too few arguments; it takes {}", directive.synopsis));
  if (arguments.size() <= max) return;
  arguments.fail(arguments[max], max == 0 ? fmt::format("too many arguments; {} takes none", directive.name)
                                          : fmt::format("too many arguments; {} takes {}", directive.name,
                                                        directive.synopsis));
}

// `setenv opt NAME…` → `NAME…`. Whether it was one.
bool strip_optional(Statement& statement) {
  auto& words = statement.words;
  if (words.size() < 2 || words[0] != "setenv" || words[1] != "opt") return false;
  if (words.size() == 2) throw ConfigError({statement.where, "opt", "a directive must follow"});
  words.erase(words.begin(), words.begin() + 2);
  return true;
}

// `--genkey --secret FILE`, the form of before 2.5, becomes `--genkey secret FILE`.
void modernise_genkey(std::vector<Statement>& statements) {
  Statement* genkey = nullptr;
  Statement* secret = nullptr;
  for (Statement& statement : statements) {
    if (statement.words.size() == 1 && statement.words[0] == "genkey") genkey = &statement;
    if (statement.words.size() == 2 && statement.words[0] == "secret") secret = &statement;
  }
  if (genkey == nullptr || secret == nullptr) return;
  genkey->words = {"genkey", "secret", secret->words[1]};
  statements.erase(statements.begin() + (secret - statements.data()));
}

}  // namespace

void Interpreter::run_command_line(std::span<const std::string> arguments) {
  const Location where{"command line", 0};
  if (arguments.empty())
    throw ConfigError({where, "", "nothing to do; give a configuration file, or --help"});
  if (arguments.size() == 1 && !arguments[0].starts_with("--")) {
    run_file(arguments[0], where);
    return;
  }
  std::vector<Statement> statements;
  for (const std::string& word : arguments) {
    if (word.size() > 2 && word.starts_with("--")) {
      statements.push_back({{word.substr(2)}, std::nullopt, where});
    } else if (statements.empty()) {
      throw ConfigError({where, word, "a directive begins with --, as in --config FILE"});
    } else {
      statements.back().words.push_back(word);
    }
  }
  modernise_genkey(statements);
  for (Statement& statement : statements) run(std::move(statement), kOnCommandLine);
}

void Interpreter::run_file(const std::string& name, const Location& where) {
  if (depth_ == kMaxDepth)
    throw ConfigError({where, name, fmt::format("more than {} files include each other", kMaxDepth)});
  std::string text;
  try {
    text = read_file_(draft_.options.process.directory / name);
  } catch (const std::system_error& error) {
    throw ConfigError({where, name, fmt::format("cannot be read: {}", error.code().message())});
  }
  if (depth_ == 0 && draft_.source == "command line") draft_.source = name;
  ++depth_;
  run_text(text, name, 1, kInFile);
  --depth_;
}

void Interpreter::run_text(std::string_view text, const std::string& source, unsigned first_line,
                           Contexts context) {
  StatementReader reader(text, source, first_line);
  while (errors_.size() < kMaxErrors) {
    try {
      std::optional<Statement> statement = reader.next();
      if (!statement) return;
      run(*std::move(statement), context);
    } catch (const ConfigError& error) {
      report(error);
    }
  }
}

void Interpreter::run(Statement statement, Contexts context) {
  try {
    run_checked(std::move(statement), context);
  } catch (const ConfigError& error) {
    report(error);
  }
}

void Interpreter::run_checked(Statement statement, Contexts context) {
  const bool optional = strip_optional(statement);
  const std::string& name = statement.words.front();
  if (name == "connection" && statement.inline_text && context == kInFile)
    return run_connection_block(statement);

  const Directive* directive = find_directive(name);
  if (directive == nullptr) {
    if (optional || draft_.ignored_names.contains(name)) return;
    throw ConfigError({statement.where, name, unknown(name)});
  }
  check_place(*directive, statement, context);
  if (!verdict_allows(*directive, statement, optional)) return;
  check_count(*directive, statement);

  const Arguments arguments(statement);
  if (directive->topic == Topic::management && name != "echo" && name != "parameter")
    draft_.management_words.push_back({arguments.where(), name, ""});
  if (directive->topic == Topic::server) draft_.server_words.push_back({arguments.where(), name, ""});
  if (directive->topic == Topic::client || name == "remote" || name == "nobind")
    draft_.client_words.push_back({arguments.where(), name, ""});
  directive->handler(arguments, draft_);
  digest(statement);

  if (name == "ignore-unknown-option")
    draft_.ignored_names.insert(statement.words.begin() + 1, statement.words.end());
  if (name == "config" || (name == "check-config" && arguments.has(0)))
    run_file(arguments[0], arguments.where());
}

bool Interpreter::verdict_allows(const Directive& directive, const Statement& statement, bool optional) {
  const std::string name(directive.name);
  const auto refuse = [&](std::string text) {
    if (!optional) throw ConfigError({statement.where, name, std::move(text)});
    draft_.warn(statement.where, name, std::move(text));
  };
  switch (directive.verdict) {
    case Verdict::works:
      return true;
    case Verdict::no_effect:
      draft_.warn(statement.where, name, fmt::format("has no effect: {}", directive.text));
      return false;
    case Verdict::refused:
      refuse(fmt::format("not supported by vpnd: {}", directive.text));
      return false;
  }
  return false;
}

// The block starts from what the file said so far. What wraps its control channel is either all its own or
// all the file's, see links.cpp.
void Interpreter::run_connection_block(const Statement& statement) {
  if (draft_.open_block != nullptr)
    throw ConfigError({statement.where, "<connection>", "a block inside a block"});
  LinkDraft block = draft_.common;
  block.remotes.clear();
  block.tls_auth.reset();
  block.tls_crypt.reset();
  block.tls_crypt_v2.reset();
  block.key_direction.reset();
  block.where = statement.where;
  draft_.open_block = &block;
  run_text(*statement.inline_text, statement.where.source, statement.where.line + 1, kInConnection);
  draft_.open_block = nullptr;
  draft_.blocks.push_back(std::move(block));
}

void Interpreter::digest(const Statement& statement) {
  std::size_t& sum = digests_[statement.words.front()];
  const auto add = [&sum](std::string_view text) {
    constexpr std::size_t kOddMultiplier = 0x9E3779B97F4A7C15;  // so that the order counts
    sum = (sum + std::hash<std::string_view>()(text)) * kOddMultiplier;
  };
  for (const std::string& word : statement.words) add(word);
  if (statement.inline_text) add(*statement.inline_text);
}

void Interpreter::report(const ConfigError& error) {
  errors_.insert(errors_.end(), error.diagnostics().begin(), error.diagnostics().end());
}

}  // namespace vpnd::config
