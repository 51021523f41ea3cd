// The helper threads that `crypto-threads` asks for.

#pragma once

#include <span>

#include "vpnd/config/options.hpp"
#include "vpnd/dataplane/worker.hpp"

namespace vpnd::control {

/// Starts them and shares them out to the workers; says in the log how many there are and why. Throws
/// std::system_error.
void share_crypto_pool(std::span<dataplane::WorkerConfig> workers, const config::Options& options);

}  // namespace vpnd::control
