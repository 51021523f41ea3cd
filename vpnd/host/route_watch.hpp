// Hears of changes of the host's routes, addresses and links: that something has changed, not what.

#pragma once

#include "tunio/unique_fd.hpp"

namespace vpnd::host {

class RouteWatch {
 public:
  // Throws std::system_error.
  RouteWatch();

  // Readable when something has changed since drain().
  int fd() const noexcept { return socket_.get(); }
  void drain() noexcept;

 private:
  tunio::UniqueFd socket_;
};

}  // namespace vpnd::host
