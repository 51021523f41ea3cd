#include "proto/push.hpp"

#include <algorithm>
#include <optional>

#include "proto/control_message.hpp"

namespace vpnd::proto {
namespace {

constexpr std::string_view kReplyWord = "PUSH_REPLY";
constexpr std::string_view kUpdateWord = "PUSH_UPDATE";
constexpr std::string_view kContinued = ",push-continuation 2";
constexpr std::string_view kLast = ",push-continuation 1";

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

// Whether the reply goes on in another message: "push-continuation 2" does, "push-continuation 1" ends it.
std::optional<bool> continuation(std::string_view option) {
  constexpr std::string_view kWord = "push-continuation";
  if (!option.starts_with(kWord)) return std::nullopt;
  option.remove_prefix(kWord.size());
  if (option.empty() || !is_space(option.front())) return std::nullopt;
  while (!option.empty() && is_space(option.front())) option.remove_prefix(1);
  return option == "2";
}

PushMessages format_push(std::string_view word, std::span<const std::string> options) {
  PushMessages result;
  std::string message(word);
  for (const std::string& option : options) {
    if (const auto problem = push_option_problem(option); !problem.empty()) {
      result.error = "pushed option \"" + option + "\" " + std::string(problem);
      result.messages.clear();
      return result;
    }
    if (message.size() + 1 + option.size() + kContinued.size() > kMaxPushMessageSize) {
      result.messages.push_back(message.append(kContinued));
      message = word;
    }
    message.append(",").append(option);
  }
  if (!result.messages.empty()) message.append(kLast);
  result.messages.push_back(std::move(message));
  return result;
}

}  // namespace

std::string_view push_option_problem(std::string_view option) noexcept {
  if (option.empty()) return "is empty";
  if (option.size() > kMaxPushOptionSize) return "is longer than 255 characters";
  if (option.find(',') != std::string_view::npos) return "contains a comma, which separates pushed options";
  if (!is_printable(option)) return "contains a character that is not printable ASCII";
  return {};
}

PushMessages format_push_reply(std::span<const std::string> options) {
  return format_push(kReplyWord, options);
}

PushMessages format_push_update(std::span<const std::string> options) {
  return format_push(kUpdateWord, options);
}

PushProgress PushAssembler::add(std::string_view arguments) {
  if (complete_) *this = {};
  ++messages_;
  bytes_ += arguments.size();
  if (messages_ > kMaxMessages || bytes_ > kMaxBytes) {
    *this = {};
    return PushProgress::refused;
  }

  bool goes_on = false;
  while (!arguments.empty()) {
    const std::size_t comma = arguments.find(',');
    const std::string_view option = arguments.substr(0, comma);
    arguments.remove_prefix(comma == std::string_view::npos ? arguments.size() : comma + 1);
    if (const auto continued = continuation(option)) {
      goes_on = *continued;
    } else if (!option.empty()) {
      options_.emplace_back(option);
    }
  }
  if (options_.size() > kMaxOptions) {
    *this = {};
    return PushProgress::refused;
  }
  complete_ = !goes_on;
  return complete_ ? PushProgress::complete : PushProgress::incomplete;
}

std::vector<std::string> PushAssembler::take_options() {
  std::vector<std::string> options = std::move(options_);
  *this = {};
  return options;
}

}  // namespace vpnd::proto
