// A key-method-2 message of either side. The first byte chooses the sender.

#include "proto/key_method.hpp"

#include <cstdlib>
#include <vector>

using namespace vpnd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto sender = (data[0] & 1) != 0 ? crypto::Role::server : crypto::Role::client;
  const auto parsed = proto::parse_key_method(sender, std::as_bytes(std::span(data + 1, size - 1)));
  if (parsed.error != proto::KeyMethodError::none) return 0;
  const auto& message = parsed.message;
  if (message.options.find('\0') != std::string::npos || message.username.find('\0') != std::string::npos) {
    std::abort();
  }

  std::vector<std::byte> out(size + 16);
  out.resize(proto::format_key_method(sender, message, out));
  const auto again = proto::parse_key_method(sender, out);
  if (again.error != proto::KeyMethodError::none || again.message.options != message.options ||
      again.message.username != message.username || again.message.peer_info != message.peer_info ||
      again.message.password.expose() != message.password.expose()) {
    std::abort();
  }
  return 0;
}
