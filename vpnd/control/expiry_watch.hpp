// Tells of certificates and revocation lists of our own that come to their end while the daemon runs.

#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "crypto/tls.hpp"

namespace vpnd::control {

/// Speaks 30, 7 and 1 days ahead, and once it is over.
class ExpiryWatch {
 public:
  using SystemTime = std::chrono::system_clock::time_point;

  /// These are watched from now on, in the place of others. What is true of them at `now` already is not told
  /// again: whoever makes a TLS context says so (TlsContext::warnings).
  void watch(std::span<const crypto::Lifetime> lifetimes, SystemTime now);

  /// A line for the log for each that has come nearer to its end than one of the limits since the last call.
  std::vector<std::string> approaching(SystemTime now);

 private:
  struct Watched {
    crypto::Lifetime lifetime;
    unsigned limits_passed = 0;
  };
  std::vector<Watched> watched_;
};

}  // namespace vpnd::control
