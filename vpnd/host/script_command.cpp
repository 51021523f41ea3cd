#include "vpnd/host/script_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vpnd::host {
namespace {

constexpr std::string_view kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t kMaxNameLength = 256;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// Variables that decide which code a program loads or how a shell reads its script.
bool steers_programs(std::string_view name) {
  static constexpr std::array kNames{
      std::string_view("PATH"),       std::string_view("IFS"),         std::string_view("ENV"),
      std::string_view("CDPATH"),     std::string_view("SHELLOPTS"),   std::string_view("PS4"),
      std::string_view("GCONV_PATH"), std::string_view("HOSTALIASES"), std::string_view("GLIBC_TUNABLES"),
      std::string_view("NLSPATH"),    std::string_view("LOCPATH"),     std::string_view("RES_OPTIONS"),
      std::string_view("TMPDIR"),     std::string_view("HOME"),        std::string_view("LOCALDOMAIN"),
  };
  static constexpr std::array kPrefixes{
      std::string_view("LD_"),      std::string_view("BASH"),    std::string_view("PYTHON"),
      std::string_view("PERL"),     std::string_view("RUBY"),    std::string_view("NODE_"),
      std::string_view("JAVA_"),    std::string_view("MALLOC_"), std::string_view("SYSTEMD_"),
      std::string_view("OPENSSL_"),
  };
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](auto prefix) { return name.starts_with(prefix); });
}

// One word after the other. The rules are those of OpenVPN's option lines.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : rest_(text) {}

  ScriptCommand split() {
    ScriptCommand command;
    while (error_.empty() && find_word()) command.arguments.push_back(take_word());
    if (error_.empty() && command.arguments.empty()) error_ = "the command is empty";
    if (!error_.empty()) return {{}, error_};
    return command;
  }

 private:
  bool find_word() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    return !rest_.empty() && rest_.front() != '#' && rest_.front() != ';';
  }

  std::string take_word() {
    char quote = '\0';
    if (rest_.front() == '"' || rest_.front() == '\'') {
      quote = rest_.front();
      rest_.remove_prefix(1);
    }
    std::string word;
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      char c = rest_.front();
      const bool ends = quote == '\0' ? is_space(c) : c == quote;
      if (ends) {
        rest_.remove_prefix(1);
        return word;
      }
      if (c == '\\' && quote != '\'') {
        rest_.remove_prefix(1);
        if (rest_.empty() || !(rest_.front() == '\\' || rest_.front() == '"' || is_space(rest_.front()))) {
          error_ = "a backslash must stand before a backslash, a double quote or white space";
          return word;
        }
        c = rest_.front();
      }
      word += c;
    }
    if (quote != '\0') error_ = fmt::format("the quote {} is not closed", quote);
    return word;
  }

  std::string_view rest_;
  std::string error_;
};

}  // namespace

ScriptCommand split_command(std::string_view command) {
  if (command.find('\0') != std::string_view::npos) return {{}, "the command contains a zero byte"};
  return Splitter(command).split();
}

bool ScriptEnvironment::set(std::string_view name, std::string_view value) {
  const bool well_formed = !name.empty() && name.size() <= kMaxNameLength &&
                           std::all_of(name.begin(), name.end(), is_name_character) &&
                           !(name.front() >= '0' && name.front() <= '9');
  if (!well_formed || steers_programs(name)) return false;
  std::string safe(value);
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      '_');
  variables_.insert_or_assign(std::string(name), std::move(safe));
  return true;
}

void ScriptEnvironment::erase(std::string_view name) {
  const auto found = variables_.find(name);
  if (found != variables_.end()) variables_.erase(found);
}

bool ScriptEnvironment::set_from_peer(std::string_view name, std::string_view value) {
  return (name.starts_with("IV_") || name.starts_with("UV_")) && set(name, value);
}

std::vector<std::string> ScriptEnvironment::entries() const {
  std::vector<std::string> all{std::string(kPath)};
  for (const auto& [name, value] : variables_) all.push_back(fmt::format("{}={}", name, value));
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace vpnd::host
