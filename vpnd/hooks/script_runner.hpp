// Scripts that must not make traffic wait: started, watched through their pidfd, ended when they take too
// long.

#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "vpnd/host/process.hpp"

namespace vpnd::hooks {

/// Belongs to the control thread. Destroying it ends every script that still runs, without calling anybody
/// back.
class ScriptRunner {
 public:
  using Done = std::function<void(const host::ScriptRun&)>;

  explicit ScriptRunner(asio::io_context& context) : context_(context) {}
  ~ScriptRunner();

  /// `done` is called later, from the io_context, exactly once.
  void run(const std::vector<std::string>& arguments, const host::ScriptEnvironment& environment,
           std::chrono::milliseconds timeout, Done done);

 private:
  struct Running;
  void await_end(const std::shared_ptr<Running>& running);
  void finish(const std::shared_ptr<Running>& running, const host::ScriptRun& outcome);

  asio::io_context& context_;
  std::unordered_set<std::shared_ptr<Running>> running_;
};

}  // namespace vpnd::hooks
