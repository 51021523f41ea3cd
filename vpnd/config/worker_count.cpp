#include "vpnd/config/worker_count.hpp"

#include <algorithm>

namespace vpnd::config {

unsigned worker_groups(const Options& options) noexcept {
  const auto& listeners = options.server.listeners;
  const auto udp = std::count_if(listeners.begin(), listeners.end(), [](const Listener& listener) {
    return listener.protocol.transport == Transport::udp;
  });
  return static_cast<unsigned>(std::max<std::ptrdiff_t>(udp, 1));
}

// A client has one session, and as long as it offers one lane, a second worker would only hand over to the
// first. On one or two processors a second
// worker takes the time that applications, and the kernel's own work, need.
unsigned worker_count(const Options& options, unsigned processors) noexcept {
  if (options.batch.workers) return *options.batch.workers;
  if (options.mode == Mode::client || processors <= 2) return 1;
  return std::max(std::min(processors, kMaxWorkers) / worker_groups(options), 1u);
}

}  // namespace vpnd::config
