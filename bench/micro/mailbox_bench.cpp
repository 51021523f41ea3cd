// What it costs to hand messages over between threads by a mailbox: the posting and taking alone, without
// waking anybody.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "vpnd/dataplane/mailbox.hpp"

namespace vpnd::dataplane {
namespace {

struct Message {
  std::uint64_t peer;
  void* subject;
};

// One thread does both, so this is what the lock and the copy cost when nobody competes for them.
void mailbox_post_and_take(benchmark::State& state) {
  Mailbox<Message> box(1024, [] {});
  std::vector<Message> taken;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i)
      box.post({.peer = static_cast<std::uint64_t>(i), .subject = &box});
    box.take(taken);
    benchmark::DoNotOptimize(taken.data());
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK(mailbox_post_and_take)->ArgName("batch")->Arg(1)->Arg(16)->Arg(256);

}  // namespace
}  // namespace vpnd::dataplane
