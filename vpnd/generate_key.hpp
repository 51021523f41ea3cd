// `--genkey`: keys for the control channel, in OpenVPN's file formats.

#pragma once

#include "vpnd/config/process_options.hpp"

namespace vpnd {

/// Writes the key to its file (readable by the owner alone) or to standard output. Returns the exit status.
/// Throws std::runtime_error when the request or the server key given with it cannot be used.
int generate_key(const config::GenerateKey& request);

}  // namespace vpnd
