// A statement's arguments, read as what a directive takes them for. Every reader throws ConfigError naming
// the word.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "tunio/ip_address.hpp"
#include "vpnd/config/lexer.hpp"
#include "vpnd/config/material.hpp"

namespace vpnd::config {

class Arguments {
 public:
  // Borrows the statement.
  explicit Arguments(const Statement& statement) : statement_(statement) {}

  const std::string& name() const { return statement_.words.front(); }
  const Location& where() const { return statement_.where; }
  std::size_t size() const { return statement_.words.size() - 1; }
  bool has(std::size_t index) const { return index < size(); }
  bool is_inline() const { return statement_.inline_text.has_value(); }
  // index 0 is the first argument; it must be there.
  const std::string& operator[](std::size_t index) const { return statement_.words[index + 1]; }
  // The arguments from `first` on, joined by blanks.
  std::string joined(std::size_t first = 0) const;

  [[noreturn]] void fail(std::string_view word, std::string text) const;

  template <std::integral T>
  T number(std::size_t index, T min = 0, T max = std::numeric_limits<T>::max()) const {
    return static_cast<T>(integer(index, static_cast<std::int64_t>(min), widened(max)));
  }
  std::chrono::seconds seconds(std::size_t index, std::int64_t min, std::int64_t max) const {
    return std::chrono::seconds{integer(index, min, max)};
  }
  std::uint16_t port(std::size_t index) const { return number<std::uint16_t>(index, 1, 65535); }

  tunio::IpAddress ipv4(std::size_t index) const;
  tunio::IpAddress ipv6(std::size_t index) const;
  std::uint8_t netmask(std::size_t index) const;  // its prefix length
  // "fd00::2/64"; host bits are kept; without "/N" it is a /128.
  tunio::Prefix ipv6_prefix(std::size_t index) const;

  template <class T>
  T choice(std::size_t index, std::initializer_list<std::pair<std::string_view, T>> choices) const {
    for (const auto& [word, value] : choices)
      if ((*this)[index] == word) return value;
    std::string known;
    for (const auto& [word, value] : choices) {
      if (!known.empty()) known += ", ";
      known += word;
    }
    fail((*this)[index], "not a value of " + name() + "; it takes " + known);
  }

  // The inline block, or the path in argument 0 (content is read when the configuration is complete).
  Material material() const;

 private:
  std::int64_t integer(std::size_t index, std::int64_t min, std::int64_t max) const;
  template <std::integral T>
  static constexpr std::int64_t widened(T value) {
    return std::cmp_greater(value, std::numeric_limits<std::int64_t>::max())
               ? std::numeric_limits<std::int64_t>::max()
               : static_cast<std::int64_t>(value);
  }

  const Statement& statement_;
};

}  // namespace vpnd::config
