// What is asked with --show-…, --mktun and --rmtun: answers on standard output, then the end.
#pragma once

#include "vpnd/config/options.hpp"

namespace vpnd {

void show_version();
void show_ciphers();
void show_digests();
void show_tls(const config::Options& options);
void show_groups();

/// Makes a tun device that outlives the process, or removes it. Throws std::system_error, or
/// std::runtime_error without a name.
void make_persistent_device(const config::Options& options);
void remove_persistent_device(const config::Options& options);

}  // namespace vpnd
