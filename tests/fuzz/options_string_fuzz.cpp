// The options string of a peer, alone and compared with our own.

#include "proto/options_string.hpp"

#include <cstdlib>

#include "proto/cipher_negotiation.hpp"
#include "proto/control_message.hpp"

using namespace vpnd::proto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const PeerOptionsString options = parse_options_string(text);
  if (options.cipher && !is_printable(*options.cipher)) std::abort();
  const CipherList own = parse_cipher_list(kDefaultCiphers).ciphers;
  const ClientCipher accepted = accept_cipher(own, {}, {}, options);
  if (accepted.cipher.has_value() != accepted.error.empty()) std::abort();

  const std::string expected = format_options_string({});
  for (const std::string& difference : compare_options_strings(expected, text)) {
    if (!is_printable(difference)) std::abort();
  }
  if (!compare_options_strings(expected, expected).empty()) std::abort();
  if (parse_cipher_list(text).ciphers.size() > 4) std::abort();
  return 0;
}
