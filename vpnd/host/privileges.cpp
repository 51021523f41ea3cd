#include "vpnd/host/privileges.hpp"

#include <cap-ng.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "tunio/unique_fd.hpp"

namespace vpnd::host {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

std::optional<unsigned> number(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // -1 means "leave as it is" to the system calls.
  if (error != std::errc() || end != text.data() + text.size() || value == ~0U) return std::nullopt;
  return value;
}

struct Identity {
  uid_t user = ::getuid();
  gid_t group = ::getgid();
};

Identity identity_of(const PrivilegeRequest& request) {
  Identity identity;
  if (!request.user.empty()) {
    const passwd* const entry = ::getpwnam(request.user.c_str());
    const auto id = number(request.user);
    if (entry == nullptr && !id) fail(ENOENT, fmt::format("user {}: there is no such user", request.user));
    identity.user = entry != nullptr ? entry->pw_uid : *id;
    if (entry != nullptr) identity.group = entry->pw_gid;
  }
  if (!request.group.empty()) {
    const struct group* const entry = ::getgrnam(request.group.c_str());
    const auto id = number(request.group);
    if (entry == nullptr && !id) fail(ENOENT, fmt::format("group {}: there is no such group", request.group));
    identity.group = entry != nullptr ? entry->gr_gid : *id;
  }
  return identity;
}

std::string capability_name(unsigned capability) {
  const char* const known = ::capng_capability_to_name(capability);
  std::string name = known != nullptr ? known : std::to_string(capability);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  return "CAP_" + name;
}

void require(unsigned capability, const std::string& purpose) {
  if (::capng_have_capability(CAPNG_PERMITTED, capability) == 0) {
    fail(EPERM, fmt::format("{}: needs {}", purpose, capability_name(capability)));
  }
}

std::string description(const PrivilegeRequest& request) {
  if (request.user.empty()) return fmt::format("change to group {}", request.group);
  if (request.group.empty()) return fmt::format("change to user {}", request.user);
  return fmt::format("change to user {} and group {}", request.user, request.group);
}

void select_capabilities(const PrivilegeRequest& request) {
  for (const unsigned capability : request.keep_capabilities) {
    require(capability, fmt::format("keep {}", capability_name(capability)));
  }
  ::capng_clear(CAPNG_SELECT_CAPS);
  for (const unsigned capability : request.keep_capabilities) {
    const auto sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
    if (::capng_update(CAPNG_ADD, sets, capability) != 0) fail(EINVAL, capability_name(capability));
  }
}

}  // namespace

PrivilegeRequest with_numbers(const PrivilegeRequest& request) {
  if (request.user.empty() && request.group.empty()) return request;
  const Identity wanted = identity_of(request);
  PrivilegeRequest numbered = request;
  if (!request.user.empty()) numbered.user = std::to_string(wanted.user);
  numbered.group = std::to_string(wanted.group);
  return numbered;
}

void drop_privileges(const PrivilegeRequest& request) {
  const Identity wanted = identity_of(request);
  const bool changes_user = wanted.user != ::getuid();
  const bool changes_group = wanted.group != ::getgid();
  if (::capng_get_caps_process() != 0) fail(errno, "read our capabilities");
  if (changes_user) require(CAP_SETUID, description(request));
  if (changes_user || changes_group) require(CAP_SETGID, description(request));
  select_capabilities(request);

  // Ambient capabilities would be inherited by every script.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    fail(errno, "clear ambient capabilities");
  if (changes_user || changes_group) {
    errno = 0;
    const int outcome = ::capng_change_id(changes_user ? static_cast<int>(wanted.user) : -1,
                                          static_cast<int>(wanted.group), CAPNG_DROP_SUPP_GRP);
    if (outcome != 0)
      fail(errno != 0 ? errno : EPERM, fmt::format("{} (step {})", description(request), -outcome));
  } else if (::capng_apply(CAPNG_SELECT_CAPS) != 0) {
    fail(errno, "drop capabilities");
  }
  if (request.new_privileges == NewPrivileges::forbidden && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    fail(errno, "forbid new privileges");
  }
}

ChangeResult prepare_file_for(const PrivilegeRequest& request, const std::filesystem::path& path) {
  if (request.user.empty() && request.group.empty()) return {};
  const Identity owner = identity_of(request);
  // No link is followed: what it leads to may be a file that the user must not own.
  const tunio::UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0640));
  struct stat facts {};
  if (!fd && errno == ELOOP) return {};
  if (fd && ::fstat(fd.get(), &facts) == 0 && !S_ISREG(facts.st_mode)) return {};
  if (fd && ::fchown(fd.get(), owner.user, owner.group) == 0) return {};
  const std::error_code error(errno, std::generic_category());
  return {error, fmt::format("cannot give {} to user {} and group {}: {}", path.string(), owner.user,
                             owner.group, error.message())};
}

void forbid_core_dumps() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) fail(errno, "forbid core dumps");
}

bool has_net_admin() {
  return ::capng_get_caps_process() == 0 && ::capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0;
}

}  // namespace vpnd::host
