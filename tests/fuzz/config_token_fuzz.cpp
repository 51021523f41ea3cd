// One line of configuration, and the same text as an option that a server pushes. Lines of the input are
// applied one after the other, so that options meet what earlier ones left behind.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "vpnd/config/lexer.hpp"
#include "vpnd/config/pushed_options.hpp"

namespace {

using namespace vpnd::config;

void check_tokens(std::string_view line) {
  const Tokens tokens = tokenise(line);
  if (!tokens.error.empty() && !tokens.words.empty()) __builtin_trap();
  if (tokens.words.size() > kMaxWords) __builtin_trap();
  for (const std::string& word : tokens.words)
    if (word.size() >= kMaxWordSize || word.size() > line.size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Options options;
  options.client.pull_filters.push_back({FilterAction::ignore, "route 99"});
  PushedOptions pushed;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    check_tokens(line);
    const PushResult result = apply_pushed(line, options, pushed);
    for (const char c : result.text)
      if (static_cast<unsigned char>(c) < 0x20) __builtin_trap();  // logs are lines
  }
  if (pushed.tun_mtu && (*pushed.tun_mtu < 100 || *pushed.tun_mtu > largest_pushed_mtu(options)))
    __builtin_trap();
  return 0;
}
