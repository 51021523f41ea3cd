// The programs of the user that a configuration names.
#pragma once

#include <string_view>
#include <vector>

#include "vpnd/config/options.hpp"

namespace vpnd::config {

struct NamedProgram {
  std::string_view directive;
  const Command* command;  // of the options
};

// All that may be called while a tunnel lives.
std::vector<NamedProgram> programs(const Options& options);

}  // namespace vpnd::config
