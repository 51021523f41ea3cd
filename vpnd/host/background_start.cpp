#include "vpnd/host/background_start.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace vpnd::host {
namespace {

// What goes over the pipe: this byte alone, or the text of a failure. Nothing at all: the child died.
constexpr char kSucceeded = '\0';

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void wait_for_verdict(int from_child) {
  std::string verdict;
  std::array<char, 512> buffer{};
  for (;;) {
    const ssize_t got = ::read(from_child, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    verdict.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (verdict.size() == 1 && verdict.front() == kSucceeded) ::_exit(EXIT_SUCCESS);
  if (!verdict.empty()) write_all(STDERR_FILENO, verdict + "\n");
  ::_exit(EXIT_FAILURE);
}

void detach_standard_streams() {
  const tunio::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
}

}  // namespace

BackgroundStart::BackgroundStart() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const tunio::UniqueFd from_child(ends[0]);
  to_parent_.reset(ends[1]);

  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "cannot go into the background");
  if (child > 0) {
    to_parent_.reset();
    wait_for_verdict(from_child.get());
  }
  ::setsid();
}

BackgroundStart::~BackgroundStart() {
  failed({});
}

void BackgroundStart::succeeded() {
  if (!to_parent_) return;
  detach_standard_streams();
  write_all(to_parent_.get(), {&kSucceeded, 1});
  to_parent_.reset();
}

void BackgroundStart::failed(std::string_view reason) {
  if (!to_parent_) return;
  write_all(to_parent_.get(), reason);
  to_parent_.reset();
}

}  // namespace vpnd::host
