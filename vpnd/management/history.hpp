// The last lines of a kind, for management clients that come late.

#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>

namespace vpnd::management {

class History {
 public:
  explicit History(std::size_t limit) : limit_(limit) {}

  void add(std::string line) {
    if (lines_.size() == limit_) lines_.pop_front();
    lines_.push_back(std::move(line));
  }
  /// Calls `take` with the last `count` lines, oldest first.
  template <typename Take>
  void last(std::size_t count, Take take) const {
    for (std::size_t i = lines_.size() - std::min(count, lines_.size()); i < lines_.size(); ++i)
      take(lines_[i]);
  }

 private:
  std::size_t limit_;
  std::deque<std::string> lines_;
};

}  // namespace vpnd::management
