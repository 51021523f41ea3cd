// Where the programs are that belong to vpnd.
#pragma once

#include <filesystem>
#include <string_view>

namespace vpnd::config {

// Beside the running program, as in a build tree, or else where they are installed. May not exist.
std::filesystem::path helper_path(std::string_view name);

}  // namespace vpnd::config
