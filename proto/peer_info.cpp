#include "proto/peer_info.hpp"

#include <algorithm>
#include <charconv>

namespace vpnd::proto {
namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= PeerInfo::kMaxNameSize &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '_'; });
}

constexpr bool is_printable_char(char c) {
  return c >= ' ' && c <= '~';
}

bool is_value(std::string_view text) {
  return text.size() <= PeerInfo::kMaxValueSize && std::all_of(text.begin(), text.end(), is_printable_char);
}

std::string printable(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [](char c) { return !is_printable_char(c); }, '_');
  return result;
}

// What stock hides from the shell of a script that forgets to quote.
std::string without_shell_syntax(std::string_view text) {
  constexpr std::string_view kShellSyntax = " $(`";
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [&](char c) { return kShellSyntax.find(c) != std::string_view::npos; },
      '_');
  return result;
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped_at != end) return std::nullopt;
  return value;
}

bool list_has(std::string_view list, std::string_view wanted) {
  for (;;) {
    const std::size_t colon = list.find(':');
    if (list.substr(0, colon) == wanted) return true;
    if (colon == std::string_view::npos) return false;
    list.remove_prefix(colon + 1);
  }
}

void append_line(std::string& text, std::string_view name, std::string_view value) {
  if (!is_name(name) || !is_value(value)) return;
  text.append(name).append("=").append(value).append("\n");
}

}  // namespace

std::string format_peer_info(const PeerInfoSettings& settings) {
  std::string text;
  append_line(text, "IV_VER", settings.version);
  append_line(text, "IV_PLAT", settings.platform);
  append_line(text, "IV_TCPNL", "1");
  append_line(text, "IV_MTU", std::to_string(settings.max_tun_mtu));
  if (list_has(settings.ciphers, "AES-128-GCM") && list_has(settings.ciphers, "AES-256-GCM")) {
    append_line(text, "IV_NCP", "2");
  }
  append_line(text, "IV_CIPHERS", settings.ciphers);
  append_line(text, "IV_PROTO", std::to_string(settings.proto_bits));
  append_line(text, "IV_LZO_STUB", "1");
  append_line(text, "IV_COMP_STUB", "1");
  append_line(text, "IV_COMP_STUBv2", "1");
  for (const auto& [name, value] : settings.variables) append_line(text, name, value);
  return text;
}

PeerInfo PeerInfo::parse(std::string_view text) {
  PeerInfo info;
  text = text.substr(0, kMaxSize);
  for (std::size_t lines = 0; !text.empty() && lines < kMaxLines; ++lines) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);

    const std::size_t equals = line.find('=');
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : line.substr(equals + 1);
    if (equals == std::string_view::npos || !is_name(name) || value.size() > kMaxValueSize) {
      ++info.skipped_lines_;
      continue;
    }
    info.values_.try_emplace(std::string(name), printable(value));
  }
  info.proto_bits_ = info.number("IV_PROTO");
  return info;
}

std::optional<std::string_view> PeerInfo::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::uint32_t PeerInfo::number(std::string_view name) const {
  const auto value = find(name);
  return value ? parse_number(*value).value_or(0) : 0;
}

std::optional<std::uint32_t> PeerInfo::max_tun_mtu() const {
  const auto value = find("IV_MTU");
  return value ? parse_number(*value) : std::nullopt;
}

std::vector<std::string_view> PeerInfo::out_of_band_auth_methods() const {
  std::vector<std::string_view> methods;
  std::string_view list = find("IV_SSO").value_or("");
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (comma != 0) methods.push_back(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return methods;
}

std::vector<std::pair<std::string, std::string>> PeerInfo::environment() const {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, value] : values_) {
    const bool may_be_set = name.starts_with("IV_") || name.starts_with("UV_");
    if (may_be_set) variables.emplace_back(name, without_shell_syntax(value));
  }
  return variables;
}

}  // namespace vpnd::proto
