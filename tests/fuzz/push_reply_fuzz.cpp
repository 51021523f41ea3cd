// A server's PUSH_REPLY messages, one per line, and their options split into words.

#include "proto/push.hpp"

#include <cstdlib>
#include <string_view>

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
    for (const std::string& option : options) {
      if (option.find(',') != std::string::npos) std::abort();
      const OptionWords split = split_option(option);
      if (!split.valid && !split.words.empty()) std::abort();
    }
    const PushMessages pushed = format_push_reply(options);
    if (pushed.error.empty() == pushed.messages.empty()) std::abort();
  }
  return 0;
}
