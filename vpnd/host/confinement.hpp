// What a daemon gives up or takes on once it has set everything up: a smaller file system, a security
// context, memory that is never swapped out. To be called before the first thread is started. Each throws
// std::system_error whose text names the directive and the likely cause.

#pragma once

#include <filesystem>
#include <string>

namespace vpnd::host {

/// Keeps all memory, also what is allocated later, out of the swap space.
void lock_memory();
/// Makes `directory` the root of the file system, and the place we are at.
void change_root(const std::filesystem::path& directory);
/// Enters an SELinux context.
void enter_security_context(const std::string& context);

}  // namespace vpnd::host
