#include "vpnd/config/helper_path.hpp"

#include <system_error>

namespace vpnd::config {

std::filesystem::path helper_path(std::string_view name) {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  // In a build tree they lie together; `cmake --install --prefix` may have put both elsewhere than was
  // planned.
  for (const auto& folder : {here, here.parent_path() / "libexec" / "vpnd"}) {
    if (!error && std::filesystem::exists(folder / name, error)) return folder / name;
  }
  return std::filesystem::path(VPND_HELPER_DIRECTORY) / name;
}

}  // namespace vpnd::config
