// What a proxy answers, in pieces. The first byte says what was asked of it, the second how long the pieces
// are.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "vpnd/control/proxy_dialogue.hpp"

using vpnd::control::ProxyDialogue;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  vpnd::config::ProxyOptions proxy;
  proxy.kind = (data[0] & 1) != 0 ? vpnd::config::ProxyKind::http : vpnd::config::ProxyKind::socks5;
  if ((data[0] & 2) != 0)
    proxy.credentials = vpnd::config::ProxyCredentials{"name", vpnd::config::SensitiveText("password")};
  const bool datagrams = (data[0] & 4) != 0 && proxy.kind == vpnd::config::ProxyKind::socks5;
  ProxyDialogue dialogue(proxy, "vpn.example.org", 1194,
                         datagrams ? ProxyDialogue::Wanted::datagrams : ProxyDialogue::Wanted::connection);
  const std::size_t piece = data[1] % 64 + std::size_t{1};
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  while (!rest.empty()) {
    (void)dialogue.take_output();
    dialogue.receive(rest.substr(0, piece));
    rest.remove_prefix(std::min(piece, rest.size()));
  }
  const bool refused = dialogue.state() == ProxyDialogue::State::refused;
  if (refused == dialogue.reason().empty()) __builtin_trap();
  if (datagrams && dialogue.state() == ProxyDialogue::State::open && dialogue.relay().port() == 0)
    __builtin_trap();
  return 0;
}
