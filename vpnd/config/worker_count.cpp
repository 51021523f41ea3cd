#include "vpnd/config/worker_count.hpp"

#include <algorithm>

namespace vpnd::config {

// A client has one session. If the server speaks the batch channel and has several workers, a client's second
// worker has a lane of its own; else it would only hand over to the first. On one or two processors a second
// worker takes the time that applications, and the kernel's own work, need.
unsigned worker_count(const Options& options, unsigned processors) noexcept {
  if (options.batch.workers) return *options.batch.workers;
  if (options.mode == Mode::client || processors <= 2) return 1;
  return std::min(processors, kMaxWorkers);
}

}  // namespace vpnd::config
