// Where the packets of unfinished handshakes wait for the control thread.
//
// One of them may cost a private-key operation, and a server that starts up gets them from all its clients at
// once. So only one is taken per turn of the io_context: whatever else there is to do, such as the control
// packets of clients that are connected, waits for one step of somebody's handshake, not for all of them.

#pragma once

#include <asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

namespace vpnd::control {

/// Belongs to the control thread.
class HandshakeQueue {
 public:
  using Step = std::function<void()>;

  /// Holds `limit` steps at most.
  HandshakeQueue(asio::io_context& context, std::size_t limit) : context_(context), limit_(limit) {}

  /// Takes the step for later; steps run in the order in which they came. False, and not taken, when the
  /// queue is full.
  [[nodiscard]] bool add(Step&& step);

 private:
  void run_one_soon();

  asio::io_context& context_;
  const std::size_t limit_;
  std::deque<Step> steps_;
  // What was posted may run after this object has gone; it asks this first.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace vpnd::control
