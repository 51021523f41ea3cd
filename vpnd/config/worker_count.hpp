// What `workers auto` means.
#pragma once

#include "vpnd/config/options.hpp"

namespace vpnd::config {

/// As many as `workers` says, or what was found best for so many processors (docs/decisions).
unsigned worker_count(const Options& options, unsigned processors) noexcept;

}  // namespace vpnd::config
