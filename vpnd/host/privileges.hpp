// Gives up what the daemon no longer needs after start-up. Capabilities belong to threads, so all of this
// must be called before the first thread is started.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vpnd/host/change_result.hpp"

namespace vpnd::host {

enum class NewPrivileges {
  forbidden,
  allowed
};  // allowed: for scripts that use a setuid program such as sudo

struct PrivilegeRequest {
  std::string user;   // name or number; empty: stay who we are
  std::string group;  // empty: the user's own group; without a user only the group changes
  std::vector<unsigned>
      keep_capabilities;  // such as CAP_NET_ADMIN (<linux/capability.h>); all others are dropped
  NewPrivileges new_privileges = NewPrivileges::forbidden;
};

// Changes user and group and keeps only the capabilities asked for, in the effective and permitted sets. A
// process that is not root but holds capabilities is narrowed the same way. Throws std::system_error whose
// text names the user or the capability: unknown user, no right to change to it, a capability that the
// process does not hold.
void drop_privileges(const PrivilegeRequest& request);

// The same request with user and group as numbers, both given. Throws as drop_privileges() does.
PrivilegeRequest with_numbers(const PrivilegeRequest& request);

// Before the drop: makes sure that the user of the request can go on writing the file at `path` (status,
// address pool), by creating it if it is missing, and giving it to that user. Does nothing for a request
// without user and group, and nothing to what is no regular file.
ChangeResult prepare_file_for(const PrivilegeRequest& request, const std::filesystem::path& path);

// No core files and no ptrace by the same user: memory holds keys. Changing the user resets this, so call it
// after.
void forbid_core_dumps();

// Whether this thread may configure the network now.
bool has_net_admin();

}  // namespace vpnd::host
