// Static key files: whatever is accepted must survive being written and read again.

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "crypto/static_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vpnd::crypto::StaticKey;
  const auto key = StaticKey::parse({reinterpret_cast<const char*>(data), size});
  if (!key) return 0;
  const auto again = StaticKey::parse(key->format().expose());
  if (!again || !std::ranges::equal(key->material().expose(), again->material().expose())) std::abort();
  return 0;
}
