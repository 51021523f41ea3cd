// Datagrams that a SOCKS proxy sends.

#include <cstdint>
#include <span>

#include "vpnd/control/socks_relay.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto datagram = std::as_bytes(std::span(data, size));
  const auto payload = vpnd::control::socks_payload(datagram);
  if (!payload) return 0;
  // It is the end of the datagram, not all of it, and something.
  const bool is_end = payload->data() + payload->size() == datagram.data() + datagram.size();
  if (!is_end || payload->empty() || payload->size() >= datagram.size()) __builtin_trap();
  return 0;
}
