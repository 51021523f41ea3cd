// What `workers auto` means.
#pragma once

#include "vpnd/config/options.hpp"

namespace vpnd::config {

/// A server's UDP listeners: each has workers of its own. 1 without any.
unsigned worker_groups(const Options& options) noexcept;

/// Workers in each group: as many as `workers` says, or what was found best for so many processors
/// (docs/decisions).
unsigned worker_count(const Options& options, unsigned processors) noexcept;

}  // namespace vpnd::config
