// One decrypted record of the control channel.

#include "proto/control_message.hpp"

#include <cstdlib>
#include <span>

using namespace vpnd::proto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ControlMessageReader reader(std::as_bytes(std::span(data, size)));
  while (const auto text = reader.next()) {
    if (text->empty() || !is_printable(*text)) std::abort();
    const ControlMessage message = classify_control_message(*text);
    if (message.arguments.size() > text->size()) std::abort();

    const AuthFailure failure = parse_auth_failure(message.arguments);
    if (failure.backoff && failure.kind != AuthFailure::Kind::temporary) std::abort();
    const std::string written = format_auth_failure(failure);
    const AuthFailure again = parse_auth_failure(classify_control_message(written).arguments);
    if (again.kind != failure.kind || again.backoff != failure.backoff || again.advance != failure.advance) {
      std::abort();
    }
    if (const auto wait = parse_auth_pending(message.arguments); wait && wait->count() < 0) std::abort();
    if (parse_server_signal(message.arguments).text.size() > message.arguments.size()) std::abort();
  }
  return 0;
}
