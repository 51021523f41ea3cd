// `inactive` and `session-timeout`: when a session has to end although nothing is wrong with it.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/time.hpp"
#include "vpnd/config/transport_options.hpp"

namespace vpnd::control {

enum class SessionLimit : std::uint8_t { idle, length };

/// For the log.
std::string_view text_of(SessionLimit limit) noexcept;
/// As hooks have it, in the variable `signal`.
std::string_view word_of(SessionLimit limit) noexcept;

/// Of one session; belongs to the control thread.
class SessionLimits {
 public:
  SessionLimits(const config::SessionLimits& limits, proto::TimePoint start) noexcept
      : limits_(limits), start_(start), active_at_(start) {}

  /// Why the session ends now, if it does. `tunnel_bytes` is what the tunnel has carried so far, pings not
  /// included.
  std::optional<SessionLimit> exceeded(std::uint64_t tunnel_bytes, proto::TimePoint now) noexcept;

 private:
  config::SessionLimits limits_;
  proto::TimePoint start_;
  proto::TimePoint active_at_;
  std::uint64_t bytes_then_ = 0;
};

}  // namespace vpnd::control
