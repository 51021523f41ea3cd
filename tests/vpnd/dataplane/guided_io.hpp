// A MemoryIo that a test may use while a worker's thread runs on it: they take turns.

#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "tunio/memory_io.hpp"

namespace vpnd::dataplane::test {

// Belongs to the test and outlives the worker. The worker's wait() blocks until it was woken or the test has
// scripted something; the test touches the memory only while the worker stands there.
class Stage {
 public:
  // Waits until the worker has done everything asked of it so far, then calls `act` with its io.
  template <typename Act>
  auto when_idle(Act&& act) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || (waiting_ && !woken_ && !go_); });
    return act(memory_);
  }
  // The same, and then the worker takes a whole turn with what was scripted.
  template <typename Script>
  void turn(Script&& script) {
    when_idle(script);
    {
      const std::lock_guard lock(mutex_);
      go_ = true;
      changed_.notify_all();
    }
    when_idle([](tunio::MemoryIo&) {});  // so that what is posted next belongs to another turn
  }

  std::unique_ptr<tunio::BatchIo> make_io();

 private:
  friend class GuidedIo;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool waiting_ = false;
  bool woken_ = false;
  bool go_ = false;
  bool stopped_ = false;
  tunio::MemoryIo memory_;
};

class GuidedIo final : public tunio::BatchIo {
 public:
  explicit GuidedIo(Stage& stage) : stage_(stage) {}
  ~GuidedIo() override {
    const std::lock_guard lock(stage_.mutex_);
    stage_.stopped_ = true;
    stage_.changed_.notify_all();
  }

  const tunio::Arrivals& wait(std::chrono::nanoseconds timeout) override {
    std::unique_lock lock(stage_.mutex_);
    stage_.waiting_ = true;
    stage_.changed_.notify_all();
    stage_.changed_.wait(lock, [&] { return stage_.woken_ || stage_.go_ || timeout.count() <= 0; });
    stage_.waiting_ = false;
    stage_.go_ = false;
    if (std::exchange(stage_.woken_, false)) stage_.memory_.wake();
    return stage_.memory_.wait(timeout);
  }
  void wake() noexcept override {
    const std::lock_guard lock(stage_.mutex_);
    stage_.woken_ = true;
    stage_.changed_.notify_all();
  }

  void write_tun(std::span<const tunio::TunWrite> writes) override { stage_.memory_.write_tun(writes); }
  void send_udp(const tunio::Endpoint& to, tunio::Buffer&& run, std::size_t size, std::size_t segment_size,
                tunio::DatagramHeader header) override {
    stage_.memory_.send_udp(to, std::move(run), size, segment_size, header);
  }
  std::size_t udp_backlog() const override { return stage_.memory_.udp_backlog(); }
  std::optional<tunio::UdpRefusal> take_udp_refusal() override { return stage_.memory_.take_udp_refusal(); }
  tunio::StreamId add_stream(tunio::UniqueFd connection) override {
    return stage_.memory_.add_stream(std::move(connection));
  }
  void close_stream(tunio::StreamId stream) override { stage_.memory_.close_stream(stream); }
  void write_stream(tunio::StreamId stream, tunio::Buffer&& frames, std::size_t size) override {
    stage_.memory_.write_stream(stream, std::move(frames), size);
  }
  std::size_t stream_backlog(tunio::StreamId stream) const override {
    return stage_.memory_.stream_backlog(stream);
  }
  void flush() override { stage_.memory_.flush(); }
  void replace_tun(tunio::UniqueFd tun) override { stage_.memory_.replace_tun(std::move(tun)); }
  void replace_udp(tunio::UniqueFd udp) override { stage_.memory_.replace_udp(std::move(udp)); }
  const tunio::IoCounters& counters() const override { return stage_.memory_.counters(); }
  std::string description() const override { return "guided"; }

 private:
  Stage& stage_;
};

inline std::unique_ptr<tunio::BatchIo> Stage::make_io() {
  return std::make_unique<GuidedIo>(*this);
}

}  // namespace vpnd::dataplane::test
