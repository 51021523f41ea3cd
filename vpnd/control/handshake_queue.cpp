#include "vpnd/control/handshake_queue.hpp"

#include <asio/post.hpp>
#include <utility>

namespace vpnd::control {

bool HandshakeQueue::add(Step&& step) {
  if (steps_.size() >= limit_) return false;
  steps_.push_back(std::move(step));
  if (steps_.size() == 1) run_one_soon();
  return true;
}

// Posting puts the next step behind everything that is ready, and the reactor is asked in each round, so that
// packets and timers that came meanwhile are ready too.
void HandshakeQueue::run_one_soon() {
  asio::post(context_, [this, alive = std::weak_ptr<const bool>(alive_)] {
    if (alive.expired()) return;
    const Step step = std::move(steps_.front());
    step();
    steps_.pop_front();
    if (!steps_.empty()) run_one_soon();
  });
}

}  // namespace vpnd::control
