#include "proto/control_message.hpp"

#include <algorithm>
#include <charconv>

namespace vpnd::proto {
namespace {

struct Word {
  std::string_view text;
  ControlMessageKind kind;
};

// CR_RESPONSE, INFO and the like are followed by a comma or nothing, so that no word is the beginning of
// another.
constexpr Word kWords[] = {
    {"PUSH_REQUEST", ControlMessageKind::push_request},
    {"PUSH_REPLY", ControlMessageKind::push_reply},
    {"PUSH_UPDATE", ControlMessageKind::push_update},
    {"AUTH_FAILED", ControlMessageKind::auth_failed},
    {"AUTH_PENDING", ControlMessageKind::auth_pending},
    {"RESTART", ControlMessageKind::restart},
    {"HALT", ControlMessageKind::halt},
    {"EXIT", ControlMessageKind::exit},
    {"INFO_PRE", ControlMessageKind::info_pre},
    {"INFO", ControlMessageKind::info},
    {"CR_RESPONSE", ControlMessageKind::challenge_response},
};

constexpr std::uint32_t kMaxSeconds = 24 * 60 * 60;  // of a wait that the other side asks for

// The number of seconds that `text` consists of, bounded.
std::optional<std::chrono::seconds> parse_seconds(std::string_view text) noexcept {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped_at != end) return std::nullopt;
  return std::chrono::seconds(std::min(value, kMaxSeconds));
}

// Removes `prefix` from the front; false, and nothing changed, if it is not there.
bool consume(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "[inside]behind" → inside, leaving behind. Empty when there is no closed bracket at the front.
std::optional<std::string_view> consume_brackets(std::string_view& text) noexcept {
  const std::size_t end = text.find(']');
  if (!text.starts_with('[') || end == std::string_view::npos) return std::nullopt;
  const std::string_view inside = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return inside;
}

void apply_temporary_keyword(AuthFailure& failure, std::string_view keyword) noexcept {
  if (consume(keyword, "backoff ")) {
    failure.backoff = parse_seconds(keyword);
  } else if (consume(keyword, "advance ")) {
    if (keyword == "no") failure.advance = AuthFailure::Advance::no;
    if (keyword == "addr") failure.advance = AuthFailure::Advance::address;
    if (keyword == "remote") failure.advance = AuthFailure::Advance::remote;
  }
}

// What follows AUTH_FAILED,TEMP: `[keyword,keyword]:text`, both parts optional. Unknown keywords are passed
// over.
void parse_temporary_failure(AuthFailure& failure, std::string_view rest) noexcept {
  auto keywords = consume_brackets(rest).value_or("");
  while (!keywords.empty()) {
    const std::size_t comma = keywords.find(',');
    std::string_view keyword = keywords.substr(0, comma);
    while (keyword.starts_with(' ')) keyword.remove_prefix(1);
    apply_temporary_keyword(failure, keyword);
    keywords.remove_prefix(comma == std::string_view::npos ? keywords.size() : comma + 1);
  }
  consume(rest, ":");
  failure.reason = rest;
}

std::string_view advance_word(AuthFailure::Advance advance) noexcept {
  switch (advance) {
    case AuthFailure::Advance::unspecified:
      return "";
    case AuthFailure::Advance::no:
      return "advance no";
    case AuthFailure::Advance::address:
      return "advance addr";
    case AuthFailure::Advance::remote:
      return "advance remote";
  }
  return "";
}

std::string format_temporary_failure(const AuthFailure& failure) {
  std::string keywords;
  if (failure.backoff) keywords = "backoff " + std::to_string(failure.backoff->count());
  const std::string_view advance = advance_word(failure.advance);
  if (!keywords.empty() && !advance.empty()) keywords += ",";
  keywords += advance;

  std::string message = "AUTH_FAILED,TEMP";
  if (!keywords.empty()) message.append("[").append(keywords).append("]");
  if (!failure.reason.empty()) message.append(":").append(failure.reason);
  return message;
}

}  // namespace

std::optional<std::string_view> ControlMessageReader::next() noexcept {
  while (!rest_.empty()) {
    const auto end = std::find(rest_.begin(), rest_.end(), std::byte{0});
    const auto size = static_cast<std::size_t>(end - rest_.begin());
    std::string_view message(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(std::min(size + 1, rest_.size()));

    while (message.ends_with('\n') || message.ends_with('\r')) message.remove_suffix(1);
    if (message.empty()) continue;
    if (is_printable(message)) return message;
    ++refused_;
  }
  return std::nullopt;
}

ControlMessage classify_control_message(std::string_view message) noexcept {
  for (const Word& word : kWords) {
    std::string_view rest = message;
    if (!consume(rest, word.text)) continue;
    if (rest.empty()) return {word.kind, rest};
    if (consume(rest, ",")) return {word.kind, rest};
  }
  return {ControlMessageKind::unknown, message};
}

AuthFailure parse_auth_failure(std::string_view arguments) noexcept {
  AuthFailure failure;
  failure.reason = arguments;
  if (consume(arguments, "SESSION:")) {
    failure.kind = AuthFailure::Kind::session_expired;
    failure.reason = arguments;
  } else if (arguments.starts_with("CRV1:")) {
    failure.kind = AuthFailure::Kind::dynamic_challenge;
  } else if (consume(arguments, "TEMP")) {
    if (arguments.empty() || arguments.front() == '[' || arguments.front() == ':') {
      failure.kind = AuthFailure::Kind::temporary;
      parse_temporary_failure(failure, arguments);
    }
  }
  return failure;
}

std::string format_auth_failure(const AuthFailure& failure) {
  const std::string reason(failure.reason);
  switch (failure.kind) {
    case AuthFailure::Kind::rejected:
    case AuthFailure::Kind::dynamic_challenge:
      return reason.empty() ? "AUTH_FAILED" : "AUTH_FAILED," + reason;
    case AuthFailure::Kind::session_expired:
      return "AUTH_FAILED,SESSION:" + reason;
    case AuthFailure::Kind::temporary:
      return format_temporary_failure(failure);
  }
  return "AUTH_FAILED";
}

std::optional<std::chrono::seconds> parse_auth_pending(std::string_view arguments) noexcept {
  if (!consume(arguments, "timeout ")) return std::nullopt;
  return parse_seconds(arguments.substr(0, arguments.find(',')));
}

ServerSignal parse_server_signal(std::string_view arguments) noexcept {
  ServerSignal signal;
  if (const auto flags = consume_brackets(arguments)) {
    signal.next_remote = flags->find('N') != std::string_view::npos;
    signal.keep_credentials = flags->find('P') != std::string_view::npos;
  }
  signal.text = arguments;
  return signal;
}

bool is_printable(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace vpnd::proto
