#include "vpnd/config/worker_count.hpp"

#include <algorithm>

namespace vpnd::config {

// A client has one session, and a second worker would only hand over to the first. On one or two processors a
// second worker of a server takes the time that applications, and the kernel's own work, need.
unsigned worker_count(const Options& options, unsigned processors) noexcept {
  if (options.batch.workers) return *options.batch.workers;
  if (options.mode == Mode::client || processors <= 2) return 1;
  return std::min(processors, kMaxWorkers);
}

}  // namespace vpnd::config
