#include "proto/path_mtu.hpp"

#include <algorithm>
#include <array>

namespace vpnd::proto {

namespace {

// Path MTUs that are met: minimal IPv4, SLIP, minimal IPv6, tunnels of several kinds inside 1500 (WireGuard
// 1420, GRE 1476, IP in IP 1480, PPPoE 1492), jumbo frames. Going up through them costs one round trip each
// and three lost probes once, halving the interval three lost probes half of the time.
constexpr std::array<std::size_t, 19> kCommonMtus = {576,  1006, 1280, 1320, 1360, 1380, 1400,
                                                     1420, 1432, 1440, 1452, 1460, 1472, 1476,
                                                     1480, 1492, 1500, 4352, 9000};
// Less than this is not worth a search in an interval that has no common size.
constexpr std::size_t kWorthwhile = 128;

}  // namespace

PathMtu::PathMtu(const Settings& settings, TimePoint now) noexcept
    : settings_{.max_size = settings.max_size,
                .base_size = std::min(settings.base_size, settings.max_size),
                .min_size = std::min(settings.min_size, settings.max_size),
                .ip_overhead = settings.ip_overhead,
                .confirmed_from = settings.confirmed_from} {
  path_changed(now);
}

void PathMtu::path_changed(TimePoint now) noexcept {
  ceiling_ = settings_.max_size + 1;
  begin_base(now);
}

// ---- phases ----

// RFC 8899 §5.2: confirm that the base size passes, before anything larger is tried.
void PathMtu::begin_base(TimePoint now) noexcept {
  state_ = State::base;
  size_ = settings_.base_size;
  attempt(size_, now);
}

void PathMtu::begin_search(TimePoint now) noexcept {
  state_ = State::searching;
  top_tried_ = false;
  search_on(now);
}

void PathMtu::search_on(TimePoint now) noexcept {
  if (const auto candidate = next_candidate()) {
    attempt(*candidate, now);
    return;
  }
  state_ = State::complete;
  attempt_.reset();
  raise_due_ = now + kRaiseTimer;
}

// Even the base size does not pass, or nothing does. Only traffic asks for another attempt, so that an idle
// peer out of reach is left alone.
void PathMtu::enter_error(TimePoint now) noexcept {
  state_ = State::error;
  size_ = settings_.min_size;
  attempt_.reset();
  ceiling_ = settings_.max_size + 1;
  error_due_ = now;
  active_ = true;
}

// RFC 8899 §4.3. The size that vanished is tried again once the base size has passed: under heavy loss three
// probes in a row are lost now and then.
void PathMtu::black_hole(TimePoint now) noexcept {
  ceiling_ = std::min(ceiling_, size_ + 1);
  if (size_ <= settings_.base_size) return enter_error(now);
  begin_base(now);
}

// The largest first, since most often it passes; then the common sizes from below; then by halves.
std::optional<std::size_t> PathMtu::next_candidate() noexcept {
  if (!top_tried_) {
    top_tried_ = true;
    if (ceiling_ - 1 > size_) return ceiling_ - 1;
  }
  for (const std::size_t mtu : kCommonMtus) {
    const std::size_t candidate = mtu - settings_.ip_overhead;
    if (candidate > size_ && candidate < ceiling_) return candidate;
  }
  if (ceiling_ > size_ + kWorthwhile) return size_ + (ceiling_ - size_) / 2;
  return std::nullopt;
}

// ---- probes ----

void PathMtu::attempt(std::size_t size, TimePoint now) noexcept {
  attempt_ = Attempt{.size = size, .first_id = next_id_, .due = now};
}

void PathMtu::attempt_failed(TimePoint now) noexcept {
  const std::size_t failed = attempt_->size;
  attempt_.reset();
  switch (state_) {
    case State::base:
      return enter_error(now);
    case State::searching:
      ceiling_ = std::min(ceiling_, failed);
      return search_on(now);
    case State::complete:
      return black_hole(now);
    case State::error:
      active_ = false;
      error_due_ = now + kErrorInterval;
      return;
  }
}

void PathMtu::attempt_succeeded(TimePoint now) noexcept {
  size_ = attempt_->size;
  attempt_.reset();
  confirmed_ = now;
  unconfirmed_ = false;
  unanswered_since_.reset();
  switch (state_) {
    case State::base:
    case State::error:
      return begin_search(now);
    case State::searching:
      return search_on(now);
    case State::complete:
      return;
  }
}

void PathMtu::acknowledged(std::uint16_t id, std::size_t received_size, TimePoint now) noexcept {
  received();
  if (!attempt_ || received_size != attempt_->size) return;
  const auto nth = static_cast<std::uint16_t>(id - attempt_->first_id);
  if (nth < attempt_->sent) attempt_succeeded(now);
}

void PathMtu::too_big(std::size_t size, TimePoint now) noexcept {
  ceiling_ = std::min(ceiling_, std::max(size, settings_.min_size + 1));
  const bool attempt_refused = attempt_ && attempt_->size >= size;
  if (size_ < size || state_ == State::error) {
    if (attempt_refused) attempt_failed(now);
    return;
  }
  if (size > settings_.base_size) return begin_base(now);
  enter_error(now);
}

// ---- traffic ----

void PathMtu::sent(std::size_t largest, TimePoint now) noexcept {
  active_ = true;
  const std::size_t confirmed_from =
      settings_.confirmed_from > 0 ? settings_.confirmed_from : settings_.base_size + 1;
  if (largest < std::min(size_, confirmed_from)) return;
  unconfirmed_ = true;
  if (!unanswered_since_) unanswered_since_ = now;
}

void PathMtu::received() noexcept {
  active_ = true;
  unanswered_since_.reset();
}

// ---- time ----

// A large size is confirmed every few seconds while it is used, and at once when records leave but none comes
// back: a black hole swallows the data of an inner connection, and with it the acknowledgements.
TimePoint PathMtu::confirmation_due() const noexcept {
  if (!unconfirmed_) return TimePoint::max();
  TimePoint due = confirmed_ + kConfirmationTimer;
  if (unanswered_since_) due = std::min(due, *unanswered_since_ + kSilence);
  return std::max(due, confirmed_ + kSilence);
}

TimePoint PathMtu::deadline() const noexcept {
  if (attempt_) return attempt_->due;
  switch (state_) {
    case State::complete:
      return std::min(raise_due_, confirmation_due());
    case State::error:
      return active_ ? error_due_ : TimePoint::max();
    case State::base:
    case State::searching:
      break;  // they always have an attempt
  }
  return TimePoint::max();
}

std::optional<PathMtu::Probe> PathMtu::poll(TimePoint now) noexcept {
  while (now >= deadline()) {
    if (!attempt_) {
      if (state_ == State::error) {
        attempt(settings_.min_size, now);
      } else if (now >= confirmation_due()) {
        attempt(size_, now);
      } else {
        ceiling_ = settings_.max_size + 1;
        begin_search(now);
        continue;
      }
    }
    if (attempt_->sent == kMaxProbes) {
      attempt_failed(now);
      continue;
    }
    ++attempt_->sent;
    attempt_->due = now + kProbeTimer;
    return Probe{next_id_++, attempt_->size};
  }
  return std::nullopt;
}

}  // namespace vpnd::proto
