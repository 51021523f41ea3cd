// What the hand-over to helper threads costs. Sixteen jobs of a given length, done alone and with one helper:
// the real time of the round, and the CPU time of the thread that waits for it.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <thread>

#include "crypto/crypto_pool.hpp"

namespace vpnd::crypto {
namespace {

constexpr std::size_t kJobs = 16;

void busy(std::chrono::nanoseconds length) noexcept {
  const auto end = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < end) continue;
}

struct Work {
  std::chrono::nanoseconds length;
  static void run(void* context) noexcept { busy(static_cast<Work*>(context)->length); }
};

void fork_join(benchmark::State& state) {
  CryptoPool pool({.helpers = static_cast<std::size_t>(state.range(0)), .forks = 1, .bytes_per_helper = 1});
  CryptoFork& fork = pool.fork(0);
  std::array<Work, kJobs> works;
  works.fill({std::chrono::nanoseconds(state.range(1))});
  const std::chrono::microseconds pause(state.range(2));
  for (auto _ : state) {
    if (pause.count() != 0) {
      state.PauseTiming();
      std::this_thread::sleep_for(pause);  // helpers fall asleep
      state.ResumeTiming();
    }
    for (Work& work : works) fork.add({&Work::run, &work, nullptr, 1});
    fork.run([](std::size_t k) noexcept { benchmark::DoNotOptimize(k); });
  }
}
BENCHMARK(fork_join)
    ->ArgNames({"helpers", "job_ns", "pause_us"})
    ->ArgsProduct({{0, 1}, {0, 1000, 3000, 10000, 30000}, {0, 200}})
    ->UseRealTime();

}  // namespace
}  // namespace vpnd::crypto
