// Work that may stop in the middle and go on later, from where it stopped: for libraries that want an answer
// from a callback at once, which is not there yet. It has a thread of its own for the sake of its stack;
// owner and work never run at the same time, so that they may share whatever they like.
//
//   owner                               work
//   run(f) ─────────────────────────────► f() …
//   ◄──────────────────────────────────── stop()
//   resume() ───────────────────────────► … returns
//   ◄────────────────────────────────────
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace vpnd::crypto {

class StoppableWork {
 public:
  enum class [[nodiscard]] Progress : std::uint8_t{finished, stopped};

  // Throws std::system_error if there is no thread to be had.
  StoppableWork();
  // Not while something is stopped: it has memory of others in its hands.
  ~StoppableWork();
  StoppableWork(const StoppableWork&) = delete;
  StoppableWork& operator=(const StoppableWork&) = delete;

  // ---- for the owner: both wait until the work has finished or stops ----
  // While nothing is stopped. `work` throws nothing.
  Progress run(std::function<void()> work);
  // While something is stopped.
  Progress resume();
  [[nodiscard]] bool is_stopped() const noexcept { return stopped_; }

  // ---- for the work itself: until resume() ----
  void stop();

 private:
  enum class Turn : std::uint8_t { owner, work, end };

  Progress give_turn();
  void run_thread();

  std::mutex mutex_;
  std::condition_variable turned_;
  Turn turn_ = Turn::owner;
  bool stopped_ = false;  // written by whoever has the turn
  std::function<void()> work_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace vpnd::crypto
