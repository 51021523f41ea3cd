#include "vpnd/host/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <string_view>
#include <utility>

namespace vpnd::host {
namespace {

// <linux/wait.h> of glibc 2.36 knows P_PIDFD, but clang's headers may not.
constexpr auto kByPidfd = static_cast<idtype_t>(3);
// The status a shell gives for "could not be run"; here for a child somebody else has reaped.
constexpr int kUnknownStatus = 127;

ChangeResult failure(int error, const std::string& program) {
  const std::error_code code(error, std::generic_category());
  std::string_view hint;
  if (error == ENOEXEC) hint = " (does it begin with #!?)";
  if (error == EACCES) hint = " (is it executable for the user we run as?)";
  return {code, fmt::format("cannot run {}: {}{}", program, code.message(), hint)};
}

// posix_spawn's two option objects; errors of setting them up are only those of memory.
class SpawnOptions {
 public:
  explicit SpawnOptions(std::optional<int> output) {
    check(posix_spawn_file_actions_init(&actions_));
    check(posix_spawnattr_init(&attributes_));
    check(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    if (output) check(posix_spawn_file_actions_adddup2(&actions_, *output, STDOUT_FILENO));
    check(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));

    sigset_t every_signal;
    sigset_t no_signal;
    sigfillset(&every_signal);
    sigemptyset(&no_signal);
    check(posix_spawnattr_setsigdefault(&attributes_, &every_signal));
    check(posix_spawnattr_setsigmask(&attributes_, &no_signal));
    check(posix_spawnattr_setpgroup(&attributes_, 0));
    check(posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP));
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;
  ~SpawnOptions() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static void check(int error) {
    if (error != 0) throw std::bad_alloc();
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

ExitStatus status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {ExitStatus::Kind::exited, info.si_status};
  return {ExitStatus::Kind::signalled, info.si_status};
}

enum class Until { now, it_ends };

std::optional<ExitStatus> wait_for(int pidfd, Until until) {
  for (;;) {
    siginfo_t info{};
    const int options = WEXITED | (until == Until::now ? WNOHANG : 0);
    if (::waitid(kByPidfd, static_cast<id_t>(pidfd), &info, options) == 0) {
      if (info.si_pid == 0) return std::nullopt;
      return status_of(info);
    }
    if (errno != EINTR) return ExitStatus{ExitStatus::Kind::exited, kUnknownStatus};
  }
}

}  // namespace

std::string text(const ExitStatus& status) {
  switch (status.kind) {
    case ExitStatus::Kind::exited:
      return fmt::format("exited with status {}", status.value);
    case ExitStatus::Kind::signalled:
      return fmt::format("was killed by signal {}", status.value);
    case ExitStatus::Kind::timed_out:
      return "took too long and was killed";
  }
  return {};
}

ChildProcess::ChildProcess(pid_t pid, tunio::UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!running()) return;
  kill_group();
  (void)wait_for(pidfd_.get(), Until::it_ends);
}

std::optional<ExitStatus> ChildProcess::reap() {
  if (!running()) return std::nullopt;
  const auto status = wait_for(pidfd_.get(), Until::now);
  if (status) {
    pid_ = -1;
    pidfd_.reset();
  }
  return status;
}

ExitStatus ChildProcess::wait(std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    if (const auto status = reap()) return *status;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) break;
    pollfd readable{pidfd_.get(), POLLIN, 0};
    (void)::poll(&readable, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
  }
  kill_group();
  (void)wait_for(pidfd_.get(), Until::it_ends);
  pid_ = -1;
  pidfd_.reset();
  return {ExitStatus::Kind::timed_out, 0};
}

void ChildProcess::kill_group() noexcept {
  // The child is not reaped yet, so neither its id nor its group's can belong to somebody else.
  if (running()) ::kill(-pid_, SIGKILL);
}

Started start_process(const std::vector<std::string>& arguments, const ScriptEnvironment& environment,
                      std::optional<int> output) {
  if (arguments.empty() || arguments.front().find('/') == std::string::npos) {
    const std::string program = arguments.empty() ? "a script" : arguments.front();
    return {{make_error_code(std::errc::invalid_argument), "cannot run " + program + ": not a path"}, {}};
  }
  std::vector<std::string> argument_texts = arguments;
  std::vector<std::string> environment_texts = environment.entries();
  const SpawnOptions options(output);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, arguments.front().c_str(), options.actions(), options.attributes(),
                                  pointers_to(argument_texts).data(), pointers_to(environment_texts).data());
  if (error != 0) return {failure(error, arguments.front()), {}};

  tunio::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int cause = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return {failure(cause, arguments.front()), {}};
  }
  return {{}, ChildProcess(pid, std::move(pidfd))};
}

ScriptRun run_script(const std::vector<std::string>& arguments, const ScriptEnvironment& environment,
                     std::chrono::milliseconds timeout) {
  Started started = start_process(arguments, environment);
  if (!started.result.ok()) return {std::move(started.result), {ExitStatus::Kind::exited, kUnknownStatus}};
  return {{}, started.child.wait(timeout)};
}

}  // namespace vpnd::host
