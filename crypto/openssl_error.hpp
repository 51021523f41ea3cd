// The one place that empties OpenSSL's error queue.
#pragma once

#include <string>

namespace vpnd::crypto {

// All queued errors of this thread, oldest first, joined by "; ", and the queue emptied. "unknown error" if
// it was empty.
[[nodiscard]] std::string take_openssl_errors();

// Empties the queue without looking: before a call whose errors will be read, and after a failure that is
// expected.
void drop_openssl_errors() noexcept;

}  // namespace vpnd::crypto
