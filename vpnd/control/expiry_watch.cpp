#include "vpnd/control/expiry_watch.hpp"

#include <algorithm>
#include <cstdint>

namespace vpnd::control {

namespace {

constexpr std::int64_t kLimitsInDays[] = {30, 7, 1, 0};

unsigned limits_passed(std::int64_t days_left) {
  return static_cast<unsigned>(
      std::ranges::count_if(kLimitsInDays, [days_left](std::int64_t limit) { return days_left < limit; }));
}

}  // namespace

void ExpiryWatch::watch(std::span<const crypto::Lifetime> lifetimes, SystemTime now) {
  watched_.clear();
  for (const crypto::Lifetime& lifetime : lifetimes)
    watched_.push_back({lifetime, limits_passed(lifetime.days_left(now))});
}

std::vector<std::string> ExpiryWatch::approaching(SystemTime now) {
  std::vector<std::string> lines;
  for (auto& [lifetime, passed] : watched_) {
    const unsigned passed_now = limits_passed(lifetime.days_left(now));
    if (passed_now > passed) lines.push_back(lifetime.describe(now));
    passed = passed_now;
  }
  return lines;
}

}  // namespace vpnd::control
