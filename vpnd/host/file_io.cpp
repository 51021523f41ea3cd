#include "vpnd/host/file_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tunio/unique_fd.hpp"

namespace vpnd::host {
namespace {

ChangeResult failure(int error, std::string_view what, const std::filesystem::path& path) {
  const std::error_code code(error, std::generic_category());
  return {code, fmt::format("{} {}: {}", what, path.string(), code.message())};
}

// Returns an errno value, 0 for success.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

ChangeResult write_in_place(const std::filesystem::path& path, std::string_view text) {
  const tunio::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return failure(errno, "cannot write", path);
  const int error = write_all(fd.get(), text);
  return error == 0 ? ChangeResult{} : failure(error, "cannot write", path);
}

// The file beside the target, until it takes the target's name.
struct Unlinker {
  const char* name;
  bool armed = true;
  ~Unlinker() {
    if (armed) ::unlink(name);
  }
};

}  // namespace

FileText read_text_file(const std::filesystem::path& path, std::size_t limit) {
  const tunio::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return {failure(errno, "cannot read", path), {}};
  if (S_ISDIR(facts.st_mode)) return {failure(EISDIR, "cannot read", path), {}};
  if (!S_ISREG(facts.st_mode)) return {failure(EINVAL, "not a regular file:", path), {}};

  std::string text;
  // One allocation, so that a secret that is read leaves no copy behind; one byte more shows that there is
  // more.
  text.resize(std::min(limit, static_cast<std::size_t>(facts.st_size)) + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {failure(errno, "cannot read", path), {}};
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit) return {failure(EFBIG, "cannot read", path), {}};
  text.resize(size);
  return {{}, std::move(text)};
}

ChangeResult write_file_atomically(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  struct stat old {};
  const bool exists = ::lstat(path.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) return write_in_place(path, text);

  std::string name = path.string() + ".XXXXXX";
  const tunio::UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  // After a change of user the folder may be closed to us while the file is not.
  if (!fd && exists && (errno == EACCES || errno == EPERM)) return write_in_place(path, text);
  if (!fd) return failure(errno, "cannot create a file beside", path);
  Unlinker unlinker{name.c_str()};

  if (::fchmod(fd.get(), exists ? old.st_mode & 07777 : mode) != 0)
    return failure(errno, "cannot write", path);
  // Giving a file away is the privilege of root; for others the new file is as good as the old one.
  if (exists && ::fchown(fd.get(), old.st_uid, old.st_gid) != 0) errno = 0;
  const int error = write_all(fd.get(), text);
  if (error != 0) return failure(error, "cannot write", path);
  if (::rename(name.c_str(), path.c_str()) != 0) return failure(errno, "cannot write", path);
  unlinker.armed = false;
  return {};
}

}  // namespace vpnd::host
