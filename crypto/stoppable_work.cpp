#include "crypto/stoppable_work.hpp"

#include <pthread.h>

#include <cassert>

namespace vpnd::crypto {

StoppableWork::StoppableWork() : thread_([this] { run_thread(); }) {}

StoppableWork::~StoppableWork() {
  assert(!stopped_);
  {
    const std::lock_guard lock(mutex_);
    turn_ = Turn::end;
  }
  turned_.notify_all();
  thread_.join();
}

StoppableWork::Progress StoppableWork::run(std::function<void()> work) {
  assert(!stopped_);
  work_ = std::move(work);
  return give_turn();
}

StoppableWork::Progress StoppableWork::resume() {
  assert(stopped_);
  stopped_ = false;
  return give_turn();
}

StoppableWork::Progress StoppableWork::give_turn() {
  std::unique_lock lock(mutex_);
  turn_ = Turn::work;
  turned_.notify_all();
  turned_.wait(lock, [this] { return turn_ == Turn::owner; });
  return stopped_ ? Progress::stopped : Progress::finished;
}

void StoppableWork::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  turn_ = Turn::owner;
  turned_.notify_all();
  turned_.wait(lock, [this] { return turn_ == Turn::work; });
}

void StoppableWork::run_thread() {
  pthread_setname_np(pthread_self(), "vpnd-tls");
  std::unique_lock lock(mutex_);
  for (;;) {
    turned_.wait(lock, [this] { return turn_ != Turn::owner; });
    if (turn_ == Turn::end) return;
    lock.unlock();
    work_();
    lock.lock();
    turn_ = Turn::owner;
    turned_.notify_all();
  }
}

}  // namespace vpnd::crypto
