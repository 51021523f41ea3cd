// What a server demands of a tls-crypt-v2 client key besides being authentic: its age, and a script's word.

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "crypto/tls_crypt_v2.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/hooks/script_runner.hpp"

namespace vpnd::control {

/// Empty, or why a key with this metadata is not accepted (tls-crypt-v2-max-age). `now` is the time of day in
/// seconds since 1970.
std::string refuse_by_age(const std::optional<crypto::TlsCryptMetadata>& metadata, std::chrono::days max_age,
                          std::int64_t now);

/// Asks the program of tls-crypt-v2-verify. Belongs to the control thread.
class ClientKeyCheck {
 public:
  /// `options` and `scripts` outlive it; a program is configured.
  ClientKeyCheck(const config::Options& options, hooks::ScriptRunner& scripts)
      : options_(options), scripts_(scripts) {}

  /// `decided` is called once, now or later: whether the client may go on.
  void ask(const std::optional<crypto::TlsCryptMetadata>& metadata, std::function<void(bool)> decided);

 private:
  const config::Options& options_;
  hooks::ScriptRunner& scripts_;
};

}  // namespace vpnd::control
