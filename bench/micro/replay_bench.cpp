// What it costs to look a packet's number up in the replay window: in order, reordered, and after a gap.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <random>

#include "proto/replay_window.hpp"

namespace vpnd::proto {
namespace {

constexpr std::size_t kLargeWindow = 8192;
constexpr std::uint64_t kBatch = 256;

using Offsets = std::array<std::uint64_t, kBatch>;

// Presents batches of ids, each by its offset within the batch; `stride` is from one batch to the next.
void present(benchmark::State& state, const Offsets& offsets, std::uint64_t stride) {
  ReplayWindow window(static_cast<std::size_t>(state.range(0)));
  std::uint64_t base = 1;
  for (auto _ : state) {
    for (const std::uint64_t offset : offsets) benchmark::DoNotOptimize(window.check(base + offset));
    base += stride;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(kBatch) * state.iterations());
}

Offsets in_order() {
  Offsets offsets;
  for (std::uint64_t i = 0; i < kBatch; ++i) offsets[i] = i;
  return offsets;
}

void replay_in_order(benchmark::State& state) {
  present(state, in_order(), kBatch);
}

// Neighbours swap places, as when two queues serve one flow.
void replay_reordered(benchmark::State& state) {
  Offsets offsets = in_order();
  std::minstd_rand dice(1);
  for (std::size_t i = 0; i + 8 < kBatch; i += 4) std::swap(offsets[i], offsets[i + dice() % 8]);
  present(state, offsets, kBatch);
}

// Between two batches so much is lost that the whole window is new.
void replay_after_gaps(benchmark::State& state) {
  present(state, in_order(), kBatch + static_cast<std::uint64_t>(state.range(0)));
}

// Everything has been seen.
void replay_replayed(benchmark::State& state) {
  present(state, in_order(), 0);
}

void windows(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("window")->Arg(ReplayWindow::kSize)->Arg(kLargeWindow);
}
BENCHMARK(replay_in_order)->Apply(windows);
BENCHMARK(replay_reordered)->Apply(windows);
BENCHMARK(replay_after_gaps)->Apply(windows);
BENCHMARK(replay_replayed)->Apply(windows);

}  // namespace
}  // namespace vpnd::proto
