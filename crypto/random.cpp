#include "crypto/random.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <climits>

#include "crypto/openssl_error.hpp"

namespace vpnd::crypto {

void fill_random(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const std::size_t size = std::min<std::size_t>(out.size(), INT_MAX);
    must_succeed(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) == 1);
    out = out.subspan(size);
  }
}

}  // namespace vpnd::crypto
