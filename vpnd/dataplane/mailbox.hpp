// The way messages cross between the control thread and a worker.
//
// Posting takes a lock, appends, and wakes the reader when the box was empty; taking swaps the whole vector.
// The reader looks only when it was woken, so a data path that gets no message never touches the lock, and
// since both vectors keep their capacity, neither side allocates in steady state.

#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace vpnd::dataplane {

/// A bounded, many-writers-one-reader queue that is read in bulk. All members may be called from any thread.
template <typename Message>
class Mailbox {
 public:
  /// `limit` bounds what `try_post` accepts; `wake` is called, without the lock, when an empty box got a
  /// message.
  Mailbox(std::size_t limit, std::function<void()> wake) : limit_(limit), wake_(std::move(wake)) {}

  /// False, and the message is dropped, when the box is full: for what a stranger can cause in any quantity.
  [[nodiscard]] bool try_post(Message&& message) { return append(std::move(message), limit_); }

  /// Never refuses: for what is bounded by the number of peers and must not be lost.
  void post(Message&& message) { append(std::move(message), static_cast<std::size_t>(-1)); }

  /// Exchanges everything posted so far for the (emptied) contents of `messages`.
  void take(std::vector<Message>& messages) {
    messages.clear();
    const std::lock_guard lock(mutex_);
    messages.swap(messages_);
  }

 private:
  bool append(Message&& message, std::size_t limit) {
    // Waking under the lock: once the reader can take the message, the writer is done with everything that
    // the reader's thread owns, so a last message may end it.
    const std::lock_guard lock(mutex_);
    if (messages_.size() >= limit) return false;
    messages_.push_back(std::move(message));
    if (messages_.size() == 1) wake_();
    return true;
  }

  const std::size_t limit_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<Message> messages_;
};

}  // namespace vpnd::dataplane
