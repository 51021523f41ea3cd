// Calls the programs of hooks: out of process, in a process group of their own, for a limited time.

#pragma once

#include <asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vpnd/config/role_options.hpp"
#include "vpnd/hooks/hook.hpp"
#include "vpnd/hooks/script_runner.hpp"
#include "vpnd/host/process.hpp"

namespace vpnd::hooks {

/// One call of a hook's program.
struct HookCall {
  Hook hook;
  config::Command command;
  std::vector<std::string> arguments;     ///< behind those of the command itself
  host::ScriptEnvironment environment{};  ///< script_type is added, unless it is there
};

struct HookResult {
  host::ExitStatus status;
  std::string failure;  ///< empty, or one line for the log: "up: /etc/vpn/up exited with status 1"

  bool ok() const { return failure.empty(); }
};

/// Belongs to the control thread. Destroying it ends every program that still runs, without calling anybody
/// back.
class HookRunner {
 public:
  using Done = std::function<void(const HookResult&)>;

  /// So many programs run at the same time; further calls wait for their turn.
  static constexpr std::size_t kMostAtOnce = 32;

  explicit HookRunner(asio::io_context& context) : scripts_(context) {}

  /// `done` is called later, from the io_context, exactly once. Nothing waits for the program.
  void run(const HookCall& call, Done done);

  /// Calls `idle` as soon as no program runs or waits any more, maybe at once.
  void when_idle(std::function<void()> idle);

  /// Waits for the program: before traffic begins and after its end only.
  static HookResult run_now(const HookCall& call);

  ScriptRunner& scripts() noexcept { return scripts_; }

 private:
  struct Waiting {
    HookCall call;
    Done done;
  };
  void start(const HookCall& call, Done done);
  void ended();

  ScriptRunner scripts_;
  std::size_t running_ = 0;
  std::deque<Waiting> waiting_;
  std::vector<std::function<void()>> idle_;
};

}  // namespace vpnd::hooks
