// What a running server takes over from a configuration that was read again, and what it must start anew for.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/config/load.hpp"

namespace vpnd::config {

// Whether a running server can do with another value of the directive: it looks at the value each time that
// it needs it, or can make anew what was made of it, and sessions are none the worse.
bool is_adoptable(std::string_view directive);
// Those that are, by name.
std::span<const std::string_view> adoptable_directives();

// The directives, by name, that differ between the two and are not adoptable; also those that name a file
// whose content is a different one now. Empty: a running server can go on with `fresh`.
std::vector<std::string> directives_needing_restart(const Loaded& running, const Loaded& fresh);

}  // namespace vpnd::config
