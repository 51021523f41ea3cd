// `daemon` without a service manager: goes into the background, and lets the shell that started us know how
// it went.

#pragma once

#include <string_view>

#include "tunio/unique_fd.hpp"

namespace vpnd::host {

// The constructor forks; only the child returns from it, in a session of its own. The parent stays in the
// foreground until the child says how its start went: it exits 0 after succeeded(), and 1 after failed() or
// the child's death. Must be constructed before any thread is started.
class BackgroundStart {
 public:
  // Throws std::system_error when there can be no child.
  BackgroundStart();
  ~BackgroundStart();  // failed(""), unless one of the two was called
  BackgroundStart(const BackgroundStart&) = delete;
  BackgroundStart& operator=(const BackgroundStart&) = delete;

  // Detaches standard input, output and error (to /dev/null) and releases the parent.
  void succeeded();
  // The parent prints `reason`, if any, on its standard error.
  void failed(std::string_view reason);

 private:
  tunio::UniqueFd to_parent_;
};

}  // namespace vpnd::host
