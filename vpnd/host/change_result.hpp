// What a request to the host (a route, an address, a file, a process) came to.

#pragma once

#include <string>
#include <system_error>

namespace vpnd::host {

// `error` is for deciding, `reason` for people: it names the thing and the cause in one line, without a full
// stop, and is empty when there was no error.
struct [[nodiscard]] ChangeResult {
  std::error_code error;
  std::string reason;

  bool ok() const { return !error; }
};

}  // namespace vpnd::host
