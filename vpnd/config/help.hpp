// What `vpnd --help` prints.
#pragma once

#include <string>

namespace vpnd::config {

// Every directive that has an effect, grouped by topic, one line each, and how to read on.
std::string help_text();

}  // namespace vpnd::config
