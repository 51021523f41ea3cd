// From a Draft, in which all statements have been read, to consistent Options. The steps in the order they
// are taken; each throws ConfigError, with every fault it finds.
#pragma once

#include "vpnd/config/draft.hpp"
#include "vpnd/config/load.hpp"

namespace vpnd::config {

// 1. Client or server, and whether every directive fits the role.
void choose_role(Draft& draft);
// 2. `server`, `server-ipv6` and `keepalive` become addresses, pools, timers and pushed options; defaults of
// the role.
void expand_macros(Draft& draft);
// 3. Remotes with all they inherit, or listeners.
void resolve_links(Draft& draft);
// 4. Paths are taken from `cd`, files are read.
void read_materials(Draft& draft, const ReadFile& read_file);
// 5. What must or must not stand together.
void check_consistency(Draft& draft);

// Throws unless it is empty.
void throw_if_any(std::vector<Diagnostic> faults);

}  // namespace vpnd::config
