// A server's PUSH_REPLY messages, one per line, down to what a client takes from each option.

#include "proto/push.hpp"

#include <cstdlib>
#include <string_view>

#include "vpnd/config/pushed_options.hpp"

using namespace vpnd::proto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  PushAssembler assembler;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const PushProgress progress = assembler.add(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (progress != PushProgress::complete) continue;

    const auto options = assembler.take_options();
    if (options.size() > PushAssembler::kMaxOptions) std::abort();
    vpnd::config::PushedOptions client;
    for (const std::string& option : options) {
      if (option.find(',') != std::string::npos) std::abort();
      const auto result = vpnd::config::apply_pushed(option, vpnd::config::Options(), client);
      if (result.verdict == vpnd::config::PushVerdict::refused && result.text.empty()) std::abort();
    }
    const PushMessages pushed = format_push_reply(options);
    if (pushed.error.empty() == pushed.messages.empty()) std::abort();
  }
  return 0;
}
