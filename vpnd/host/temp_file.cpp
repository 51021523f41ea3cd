#include "vpnd/host/temp_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "tunio/unique_fd.hpp"
#include "vpnd/host/file_io.hpp"

namespace vpnd::host {

TempFile::TempFile(const std::filesystem::path& directory, std::string_view prefix,
                   std::string_view content) {
  std::string name = (directory / fmt::format("vpnd_{}_XXXXXX", prefix)).string();
  const tunio::UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("cannot create a file in tmp-dir {}", directory.string()));
  }
  path_ = name;
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      remove();
      throw std::system_error(error, std::generic_category(), fmt::format("cannot write {}", name));
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

TempFile::TempFile(TempFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempFile& TempFile::operator=(TempFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

TempFile::~TempFile() {
  remove();
}

std::optional<std::string> TempFile::read(std::size_t limit) const {
  auto [result, text] = read_text_file(path_, limit);
  if (!result.ok()) return std::nullopt;
  return std::move(text);
}

void TempFile::remove() noexcept {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace vpnd::host
