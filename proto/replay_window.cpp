#include "proto/replay_window.hpp"

#include <algorithm>
#include <bit>

namespace vpnd::proto {

namespace {

constexpr std::size_t kWordBits = 64;

std::size_t whole_words(std::size_t size) noexcept {
  return (std::clamp<std::size_t>(size, 1, ReplayWindow::kMaxSize) + kWordBits - 1) / kWordBits;
}

}  // namespace

// One word more than the window holds: the word of the highest id is only partly in use, and its other bits
// must not be taken for ids at the far end of the window.
ReplayWindow::ReplayWindow(std::size_t size)
    : size_(whole_words(size) * kWordBits), words_(std::bit_ceil(whole_words(size) + 1)) {}

ReplayWindow::Verdict ReplayWindow::check(std::uint64_t id) noexcept {
  if (id == 0) return Verdict::replayed;
  if (id > highest_) {
    advance_to(id);
  } else if (highest_ - id >= size_) {
    return Verdict::too_old;
  }
  std::uint64_t& word = words_[id / kWordBits & (words_.size() - 1)];
  const std::uint64_t bit = std::uint64_t{1} << id % kWordBits;
  if ((word & bit) != 0) return Verdict::replayed;
  word |= bit;
  return Verdict::fresh;
}

void ReplayWindow::advance_to(std::uint64_t id) noexcept {
  const std::uint64_t current = highest_ / kWordBits;
  const std::uint64_t steps = std::min<std::uint64_t>(id / kWordBits - current, words_.size());
  for (std::uint64_t i = 1; i <= steps; ++i) words_[(current + i) & (words_.size() - 1)] = 0;
  highest_ = id;
}

}  // namespace vpnd::proto
