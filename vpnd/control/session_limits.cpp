#include "vpnd/control/session_limits.hpp"

#include <algorithm>

namespace vpnd::control {

std::string_view text_of(SessionLimit limit) noexcept {
  return limit == SessionLimit::idle ? "Inactivity timeout (--inactive)"
                                     : "Session timeout (--session-timeout)";
}

std::string_view word_of(SessionLimit limit) noexcept {
  return limit == SessionLimit::idle ? "inactive" : "session-timeout";
}

std::optional<SessionLimit> SessionLimits::exceeded(std::uint64_t tunnel_bytes,
                                                    proto::TimePoint now) noexcept {
  if (limits_.length.count() > 0 && now - start_ >= limits_.length) return SessionLimit::length;
  if (limits_.idle.count() == 0) return std::nullopt;
  // A single packet is activity unless a number of bytes is asked for.
  const std::uint64_t least = std::max<std::uint64_t>(limits_.idle_bytes, 1);
  if (tunnel_bytes - bytes_then_ >= least) {
    bytes_then_ = tunnel_bytes;
    active_at_ = now;
  }
  return now - active_at_ >= limits_.idle ? std::optional(SessionLimit::idle) : std::nullopt;
}

}  // namespace vpnd::control
