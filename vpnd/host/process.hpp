// Programs outside the daemon: scripts, started without a shell, in a process group of their own.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tunio/unique_fd.hpp"
#include "vpnd/host/change_result.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::host {

struct ExitStatus {
  enum class Kind { exited, signalled, timed_out };
  Kind kind = Kind::exited;
  int value = 0;  // exit status or signal number

  bool success() const { return kind == Kind::exited && value == 0; }
  bool operator==(const ExitStatus&) const = default;
};

// "exited with status 1", "was killed by signal 9", "took too long".
std::string text(const ExitStatus& status);

// One running child. The destructor kills its whole group and reaps it, so no script outlives the object.
// For Asio: wait for pidfd() to become readable (asio::posix::stream_descriptor on a duplicate), then call
// reap(); put a timer beside it and call kill_group() when that is first.
class ChildProcess {
 public:
  ChildProcess() = default;
  // Takes over a child that is its own process group's leader and was not waited for yet.
  ChildProcess(pid_t pid, tunio::UniqueFd pidfd);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }

  // None: still running. After a status was returned the object is empty.
  std::optional<ExitStatus> reap();
  // Waits for the end; kills the group when that takes longer, and then says timed_out.
  ExitStatus wait(std::chrono::milliseconds timeout);
  // SIGKILL to the child and everything it started that stayed in its group.
  void kill_group() noexcept;

 private:
  pid_t pid_ = -1;
  tunio::UniqueFd pidfd_;
};

struct [[nodiscard]] Started {
  ChangeResult result;
  ChildProcess child;  // running when result.ok()
};

// Starts arguments[0], which must be a path with a slash, with default signal handlers, an empty signal mask,
// standard input from /dev/null, and no other descriptor of ours. Standard output goes to the descriptor
// `output`, or where the daemon's goes.
Started start_process(const std::vector<std::string>& arguments, const ScriptEnvironment& environment,
                      std::optional<int> output = std::nullopt);

struct [[nodiscard]] ScriptRun {
  ChangeResult result;  // whether it could be started at all
  ExitStatus status;    // meaningful when result.ok()
};

// The whole of it, blocking: for `up` and `down` and other moments at which nothing else has to go on.
ScriptRun run_script(const std::vector<std::string>& arguments, const ScriptEnvironment& environment,
                     std::chrono::milliseconds timeout);

}  // namespace vpnd::host
