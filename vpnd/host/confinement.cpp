#include "vpnd/host/confinement.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tunio/unique_fd.hpp"

namespace vpnd::host {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void lock_memory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK, &unlimited);  // without the right to it, the limit that we have counts
  if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) fail("mlock (CAP_IPC_LOCK? LimitMEMLOCK of the service?)");
}

void change_root(const std::filesystem::path& directory) {
  if (::chdir(directory.c_str()) != 0 || ::chroot(".") != 0)
    fail(fmt::format("chroot {} (CAP_SYS_CHROOT?)", directory.string()));
  if (::chdir("/") != 0) fail(fmt::format("chroot {}", directory.string()));
}

void enter_security_context(const std::string& context) {
  const std::string what = fmt::format("setcon {} (is SELinux in use, and the change allowed?)", context);
  const tunio::UniqueFd attribute(::open("/proc/self/attr/current", O_WRONLY | O_CLOEXEC));
  if (!attribute) fail(what);
  const ssize_t written = ::write(attribute.get(), context.data(), context.size());
  if (written != static_cast<ssize_t>(context.size())) fail(what);
}

}  // namespace vpnd::host
