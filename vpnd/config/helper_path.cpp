#include "vpnd/config/helper_path.hpp"

#include <system_error>

namespace vpnd::config {

std::filesystem::path helper_path(std::string_view name) {
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name;
  if (!error && std::filesystem::exists(beside, error) && !error) return beside;
  return std::filesystem::path(VPND_HELPER_DIRECTORY) / name;
}

}  // namespace vpnd::config
