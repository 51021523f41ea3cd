#include "vpnd/config/arguments.hpp"

#include <fmt/format.h>

#include <charconv>

namespace vpnd::config {

std::string Arguments::joined(std::size_t first) const {
  std::string text;
  for (std::size_t i = first; i < size(); ++i) {
    if (!text.empty()) text += ' ';
    text += (*this)[i];
  }
  return text;
}

void Arguments::fail(std::string_view word, std::string text) const {
  throw ConfigError({where(), std::string(word), std::move(text)});
}

std::int64_t Arguments::integer(std::size_t index, std::int64_t min, std::int64_t max) const {
  const std::string& word = (*this)[index];
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool whole = error == std::errc{} && end == word.data() + word.size();
  if (whole && value >= min && value <= max) return value;
  if (!whole && error != std::errc::result_out_of_range)
    fail(word, fmt::format("{} takes a whole number here", name()));
  if (max == std::numeric_limits<std::int64_t>::max())
    fail(word, fmt::format("too small; the least is {}", min));
  fail(word, fmt::format("out of range; {} takes {} to {}", name(), min, max));
}

tunio::IpAddress Arguments::ipv4(std::size_t index) const {
  const auto address = tunio::IpAddress::parse((*this)[index]);
  if (!address || !address->is_v4()) fail((*this)[index], "not an IPv4 address");
  return *address;
}

tunio::IpAddress Arguments::ipv6(std::size_t index) const {
  const auto address = tunio::IpAddress::parse((*this)[index]);
  if (!address || !address->is_v6()) fail((*this)[index], "not an IPv6 address");
  return *address;
}

std::uint8_t Arguments::netmask(std::size_t index) const {
  const auto bits = tunio::prefix_length(ipv4(index));
  if (!bits) fail((*this)[index], "not a netmask: its one bits must come first, as in 255.255.255.0");
  return *bits;
}

tunio::Prefix Arguments::ipv6_prefix(std::size_t index) const {
  const auto prefix = tunio::Prefix::parse((*this)[index]);
  if (!prefix || !prefix->address.is_v6()) fail((*this)[index], "not an IPv6 network such as fd00:1::/64");
  return *prefix;
}

Material Arguments::material() const {
  if (is_inline()) return {{}, SensitiveText(std::string(*statement_.inline_text)), where()};
  return {(*this)[0], {}, where()};
}

}  // namespace vpnd::config
