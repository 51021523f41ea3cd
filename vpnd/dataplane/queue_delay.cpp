#include "vpnd/dataplane/queue_delay.hpp"

#include <algorithm>
#include <cmath>

namespace vpnd::dataplane {

using proto::TimePoint;

namespace {

// A queue that has to be slowed down again so soon goes on nearly where it stopped (RFC 8289, section 5.5).
constexpr int kRememberedIntervals = 16;

}  // namespace

bool DelayLaw::drops(TimePoint now, Duration delay) noexcept {
  if (!has_stood(now, delay)) return false;
  if (!dropping_) {
    begin_dropping(now);
    return true;
  }
  if (now < next_drop_) return false;
  ++count_;
  // Where nothing came for a while there is nothing to make up for.
  next_drop_ = std::max(next_drop_ + step(), now);
  return true;
}

// Whether the delay has been above the target for an interval.
bool DelayLaw::has_stood(TimePoint now, Duration delay) noexcept {
  if (delay < kTarget) {
    patience_ends_.reset();
    dropping_ = false;
    return false;
  }
  if (!patience_ends_) patience_ends_ = now + kInterval;
  return now >= *patience_ends_;
}

void DelayLaw::begin_dropping(TimePoint now) noexcept {
  dropping_ = true;
  const std::uint32_t recent = count_ - last_count_;
  const bool again = recent > 1 && now - next_drop_ < kRememberedIntervals * kInterval;
  count_ = again ? recent : 1;
  last_count_ = count_;
  next_drop_ = now + step();
}

// TCP's rate goes with one over the square root of its losses, so this lowers it evenly.
Duration DelayLaw::step() const noexcept {
  const double nanoseconds = std::chrono::duration<double, std::nano>(kInterval).count();
  return Duration(static_cast<Duration::rep>(nanoseconds / std::sqrt(static_cast<double>(count_))));
}

void QueueAge::add(TimePoint now, std::size_t bytes) noexcept {
  total_ += bytes;
  if (count_ > 0) {
    Mark& last = mark(count_ - 1);
    const Duration spacing = std::max<Duration>(kFinest, (now - mark(0).since) / kShare);
    if (count_ == kMarks || now - last.since < spacing) {
      last.end = total_;
      return;
    }
  }
  mark(count_++) = {now, total_};
}

Duration QueueAge::age(TimePoint now, std::size_t length) noexcept {
  const std::uint64_t gone = total_ - std::min<std::uint64_t>(length, total_);
  while (count_ > 0 && mark(0).end <= gone) {
    first_ = (first_ + 1) % kMarks;
    --count_;
  }
  return count_ > 0 ? now - mark(0).since : Duration::zero();
}

}  // namespace vpnd::dataplane
