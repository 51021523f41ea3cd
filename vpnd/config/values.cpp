#include "vpnd/config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace vpnd::config {

namespace {

bool is_upper_word(std::string_view text, std::string_view other) {
  return std::equal(text.begin(), text.end(), other.begin(), other.end(), [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
  });
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view end) { return text.ends_with(end); });
}

constexpr std::array<std::string_view, 4> kUsableCiphers = {"AES-256-GCM", "AES-192-GCM", "AES-128-GCM",
                                                            "CHACHA20-POLY1305"};

// Bytes that a pushed option may have on every receiver.
constexpr std::size_t kMaxPushedOption = 255;

}  // namespace

ProtocolWord read_protocol(const Arguments& arguments, std::size_t index) {
  using enum Transport;
  using enum AddressFamily;
  constexpr auto either = ProtocolEnd::either;
  constexpr auto client = ProtocolEnd::client;
  constexpr auto server = ProtocolEnd::server;
  return arguments.choice<ProtocolWord>(index, {{"udp", {{udp, any}, either}},
                                                {"udp4", {{udp, ipv4}, either}},
                                                {"udp6", {{udp, ipv6}, either}},
                                                {"tcp", {{tcp, any}, either}},
                                                {"tcp4", {{tcp, ipv4}, either}},
                                                {"tcp6", {{tcp, ipv6}, either}},
                                                {"tcp-client", {{tcp, any}, client}},
                                                {"tcp4-client", {{tcp, ipv4}, client}},
                                                {"tcp6-client", {{tcp, ipv6}, client}},
                                                {"tcp-server", {{tcp, any}, server}},
                                                {"tcp4-server", {{tcp, ipv4}, server}},
                                                {"tcp6-server", {{tcp, ipv6}, server}}});
}

AddressPair read_address_pair(const Arguments& arguments) {
  return {arguments.ipv4(0), arguments.ipv4(1)};
}

AddressIpv6 read_address_ipv6(const Arguments& arguments) {
  AddressIpv6 read{arguments.ipv6_prefix(0), std::nullopt};
  if (arguments.has(1)) read.peer = arguments.ipv6(1);
  return read;
}

CompressionFraming read_comp_lzo(const Arguments& arguments) {
  if (arguments.has(0)) arguments.choice<int>(0, {{"yes", 0}, {"no", 0}, {"adaptive", 0}});
  return CompressionFraming::lzo;
}

CompressionFraming read_compress(const Arguments& arguments) {
  using enum CompressionFraming;
  if (!arguments.has(0)) return swap;
  return arguments.choice<CompressionFraming>(0, {{"stub", swap},
                                                  {"stub-v2", stub_v2},
                                                  {"lzo", lzo},
                                                  {"lz4", swap},
                                                  {"lz4-v2", stub_v2},
                                                  {"migrate", none}});
}

std::string_view compression_asked_for(const Arguments& arguments) {
  if (arguments.name() == "comp-lzo") return arguments.has(0) && arguments[0] == "no" ? "" : "lzo";
  if (!arguments.has(0) || arguments[0].starts_with("stub") || arguments[0] == "migrate") return "";
  return arguments[0];
}

CipherName cipher_name(std::string_view text) {
  for (const std::string_view name : kUsableCiphers)
    if (is_upper_word(text, name)) return {std::string(name), true, true};
  if (is_upper_word(text, "none")) return {"none", false, true};
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const bool known = ends_with_any(name, {"-CBC", "-CFB", "-OFB", "-CFB1", "-CFB8", "-CTR"});
  return {std::move(name), false, known};
}

std::span<const std::string_view> usable_cipher_names() {
  return kUsableCiphers;
}

std::span<const std::string_view> digest_names() {
  static constexpr std::string_view kDigests[] = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
  return kDigests;
}

CipherList read_ciphers(const Arguments& arguments) {
  CipherList list;
  const auto add = [&](std::string_view name) {
    if (std::find(list.ciphers.begin(), list.ciphers.end(), name) == list.ciphers.end())
      list.ciphers.emplace_back(name);
  };
  std::string_view rest = arguments[0];
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word == "DEFAULT") {
      for (const std::string& name : DataOptions{}.ciphers) add(name);
      continue;
    }
    const bool optional = word.starts_with('?');
    if (optional) word.remove_prefix(1);
    const CipherName cipher = cipher_name(word);
    if (cipher.usable) {
      add(cipher.name);
    } else if (cipher.known || optional) {
      list.skipped.push_back(cipher.name);
    } else {
      arguments.fail(word,
                     "unknown cipher; vpnd has AES-256-GCM, AES-192-GCM, AES-128-GCM and CHACHA20-POLY1305");
    }
  }
  if (list.ciphers.empty()) {
    arguments.fail(arguments[0],
                   "none of these ciphers can be used; add AES-256-GCM, which every peer since 2.4 has");
  }
  return list;
}

Command read_command(const Arguments& arguments, std::size_t index) {
  Tokens tokens = tokenise(arguments[index]);
  if (!tokens.error.empty()) arguments.fail(arguments[index], tokens.error);
  if (tokens.words.empty()) arguments.fail(arguments.name(), "the command is empty");
  return {std::move(tokens.words), arguments.where()};
}

void check_pushed_text(const Arguments& arguments, std::string_view text) {
  if (text.empty()) arguments.fail(arguments.name(), "the option to push is empty");
  if (text.find(',') != std::string_view::npos)
    arguments.fail(text, "a pushed option cannot contain a comma: commas separate options on the wire");
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) != 0x7f;
  });
  if (!printable) arguments.fail(arguments.name(), "a pushed option cannot contain control characters");
  if (text.size() > kMaxPushedOption) {
    arguments.fail(arguments.name(),
                   fmt::format("a pushed option may have {} bytes at most", kMaxPushedOption));
  }
}

void check_variable_name(const Arguments& arguments, std::string_view name) {
  const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
  if (!good) arguments.fail(name, "not a name of an environment variable: only letters, digits and '_'");
}

}  // namespace vpnd::config
