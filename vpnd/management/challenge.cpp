#include "vpnd/management/challenge.hpp"

#include <algorithm>

#include "vpnd/config/base64.hpp"

namespace vpnd::management {

namespace {

constexpr std::string_view kDynamicTag = "CRV1:";

// What stands before the next colon, which is taken off too. Nothing where there is none.
std::optional<std::string_view> take_field(std::string_view& text) {
  const std::size_t end = text.find(':');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return field;
}

bool has_flag(std::string_view flags, char wanted) {
  while (!flags.empty()) {
    const std::size_t end = std::min(flags.find(','), flags.size());
    if (flags.substr(0, end) == std::string_view(&wanted, 1)) return true;
    flags.remove_prefix(std::min(end + 1, flags.size()));
  }
  return false;
}

bool is_printable_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

}  // namespace

std::optional<DynamicChallenge> parse_dynamic_challenge(std::string_view text) {
  if (!text.starts_with(kDynamicTag)) return std::nullopt;
  text.remove_prefix(kDynamicTag.size());
  const auto flags = take_field(text);
  const auto state = take_field(text);
  const auto user = take_field(text);
  if (!flags || !state || !user) return std::nullopt;
  const auto username = config::decode_base64(*user);
  if (!username || !is_printable_name(*username)) return std::nullopt;
  return DynamicChallenge{.echo = has_flag(*flags, 'E'),
                          .response = has_flag(*flags, 'R'),
                          .state = std::string(*state),
                          .username = *username,
                          .question = std::string(text)};
}

crypto::SecretString dynamic_response(const DynamicChallenge& challenge, std::string_view response) {
  return crypto::SecretString("CRV1::" + challenge.state + "::" + std::string(response));
}

crypto::SecretString static_response(std::string_view password, std::string_view response) {
  return crypto::SecretString("SCRV1:" + config::encode_base64(password) + ":" +
                              config::encode_base64(response));
}

}  // namespace vpnd::management
