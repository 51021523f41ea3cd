// A client's peer info. Nothing that is not printable may come out, and nothing of a foreign name into the
// environment.

#include "proto/peer_info.hpp"

#include <cstdlib>

#include "proto/cipher_negotiation.hpp"
#include "proto/control_message.hpp"

using namespace vpnd::proto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const PeerInfo info = PeerInfo::parse({reinterpret_cast<const char*>(data), size});
  for (const auto& [name, value] : info.environment()) {
    if (!name.starts_with("IV_") && !name.starts_with("UV_")) std::abort();
    if (!is_printable(value) || value.find_first_of(" $(`") != std::string::npos) std::abort();
    if (info.find(name)->size() != value.size()) std::abort();
  }
  for (const auto method : info.out_of_band_auth_methods()) {
    if (method.empty()) std::abort();
  }
  const CipherList own = parse_cipher_list(kDefaultCiphers).ciphers;
  const auto cipher = choose_cipher(own, {}, info, {});
  if (cipher && !info.ciphers() && info.ncp() < 2) std::abort();
  for (const std::string& option : negotiation_push_options(own.front(), info)) {
    if (option.empty()) std::abort();
  }
  return 0;
}
