#include "vpnd/control/path_watch.hpp"

#include <unistd.h>

#include <chrono>
#include <system_error>
#include <utility>

namespace vpnd::control {

namespace {

// A network that comes or goes changes many things, one after the other.
constexpr std::chrono::milliseconds kCalm{200};

int duplicate(int fd) {
  const int copy = ::dup(fd);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "dup");
  return copy;
}

}  // namespace

PathWatch::PathWatch(asio::io_context& context, std::function<void()> changed)
    : descriptor_(context, duplicate(routes_.fd())), calm_(context), changed_(std::move(changed)) {
  await_change();
}

void PathWatch::await_change() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
    if (!error) await_calm();
  });
}

void PathWatch::await_calm() {
  calm_.expires_after(kCalm);
  calm_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    routes_.drain();
    await_change();
    changed_();
  });
}

}  // namespace vpnd::control
