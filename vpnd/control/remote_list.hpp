// In which order, and how soon, a client tries its servers.

#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "vpnd/config/role_options.hpp"

namespace vpnd::control {

/// Goes round the remotes. Waits connect-retry between attempts; after five rounds without a connection the
/// wait doubles each round, up to connect-retry's second number.
class RemoteList {
 public:
  /// `client.remotes` is not empty. Shuffles once for remote-random.
  explicit RemoteList(const config::ClientOptions& client);

  const config::Remote& current() const { return remotes_[position_]; }

  const std::vector<config::Remote>& all() const { return remotes_; }

  /// The next attempt goes to the next remote.
  void advance();
  /// A connection was complete: waiting starts over.
  void connected() { rounds_ = 0; }

  /// How long to wait before the next attempt.
  std::chrono::seconds wait() const;
  /// connect-retry-max rounds are used up.
  bool exhausted() const { return limit_ > 0 && rounds_ >= limit_; }

 private:
  std::vector<config::Remote> remotes_;
  std::size_t position_ = 0;
  unsigned rounds_ = 0;
  unsigned limit_;
};

}  // namespace vpnd::control
