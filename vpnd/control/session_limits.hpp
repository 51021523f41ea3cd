// `inactive` and `session-timeout`: when a session has to end although nothing is wrong with it.

#pragma once

#include <cstdint>
#include <string_view>

#include "proto/time.hpp"
#include "vpnd/config/transport_options.hpp"

namespace vpnd::control {

/// Of one session; belongs to the control thread.
class SessionLimits {
 public:
  SessionLimits(const config::SessionLimits& limits, proto::TimePoint start) noexcept
      : limits_(limits), start_(start), active_at_(start) {}

  /// Empty, or why the session ends now. `tunnel_bytes` is what the tunnel has carried so far, pings not
  /// included.
  std::string_view exceeded(std::uint64_t tunnel_bytes, proto::TimePoint now) noexcept;

 private:
  config::SessionLimits limits_;
  proto::TimePoint start_;
  proto::TimePoint active_at_;
  std::uint64_t bytes_then_ = 0;
};

}  // namespace vpnd::control
