// The one place that empties OpenSSL's error queue.
#pragma once

#include <cstdlib>
#include <string>

namespace vpnd::crypto {

// All queued errors of this thread, oldest first, joined by "; ", and the queue emptied. "unknown error" if
// it was empty.
[[nodiscard]] std::string take_openssl_errors();

// Empties the queue without looking: before a call whose errors will be read, and after a failure that is
// expected.
void drop_openssl_errors() noexcept;

// For calls that only fail when memory is out or the library is broken, and where going on would be unsafe.
inline void must_succeed(bool done) noexcept {
  if (!done) std::abort();
}

}  // namespace vpnd::crypto
