#include "vpnd/dataplane/worker.hpp"

#include <pthread.h>

#include <utility>

#include "vpnd/dataplane/worker_loop.hpp"

namespace vpnd::dataplane {

Worker::Worker(WorkerConfig config, std::function<void()> notify, const IoFactory& make_io)
    : id_(config.id),
      commands_(0,
                [this] {
                  commands_waiting_.store(true, std::memory_order_release);
                  io_->wake();
                }),
      events_(0, notify),
      control_packets_(config.control_packets, std::move(notify)) {
  std::promise<void> started;
  auto outcome = started.get_future();
  thread_ = std::thread([this, &started, &make_io, config = std::move(config)]() mutable {
    run(std::move(config), make_io, [&started](std::exception_ptr error) {
      error ? started.set_exception(std::move(error)) : started.set_value();
    });
  });
  try {
    outcome.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

Worker::~Worker() {
  halt();
  released_.set_value();
  thread_.join();
}

void Worker::halt() {
  if (std::exchange(halting_, true)) return;
  commands_.post(Stop{});
  halted_.get_future().wait();
}

std::uint64_t Worker::handed_over() const noexcept {
  return handed_over_->get();
}

// An io_uring made with SINGLE_ISSUER belongs to the thread that made it, so everything is made here.
void Worker::run(WorkerConfig config, const IoFactory& make_io,
                 const std::function<void(std::exception_ptr)>& started) {
  pthread_setname_np(pthread_self(), ("vpnd-worker/" + std::to_string(id_.value)).c_str());
  std::unique_ptr<Loop> loop;
  try {
    auto buffers = std::make_unique<tunio::BufferPool>(config.buffers);
    auto io = make_io(std::move(config.io), data_path_);
    io_ = io.get();
    loop = std::make_unique<Loop>(*this, config, std::move(io), std::move(buffers));
  } catch (...) {
    started(std::current_exception());
    return;
  }
  started(nullptr);
  loop->run();
  halted_.set_value();
  released_.get_future().wait();
}

tunio::IoCounters Worker::io_counters() const {
  const std::lock_guard lock(counters_mutex_);
  return counters_;
}

}  // namespace vpnd::dataplane
