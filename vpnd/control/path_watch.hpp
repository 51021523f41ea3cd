// Looks after the way to a client's server while the host moves from one network to another.

#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "vpnd/host/route_watch.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class PathWatch {
 public:
  /// `changed` is called when routes, addresses or links have changed, once for all changes of a moment.
  PathWatch(asio::io_context& context, std::function<void()> changed);

 private:
  void await_change();
  void await_calm();

  host::RouteWatch routes_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer calm_;
  const std::function<void()> changed_;
};

}  // namespace vpnd::control
