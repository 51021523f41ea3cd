#include "vpnd/hooks/hook_runner.hpp"

#include <fmt/format.h>

#include <utility>

namespace vpnd::hooks {

namespace {

struct Prepared {
  std::vector<std::string> arguments;
  host::ScriptEnvironment environment;
};

Prepared prepare_call(const HookCall& call) {
  Prepared prepared{call.command.words, call.environment};
  prepared.arguments.insert(prepared.arguments.end(), call.arguments.begin(), call.arguments.end());
  if (!prepared.environment.variables().contains("script_type"))
    prepared.environment.set("script_type", name(call.hook));
  return prepared;
}

HookResult result_of(Hook hook, const std::string& program, const host::ScriptRun& run) {
  if (!run.result.ok()) return {run.status, fmt::format("{}: {}", name(hook), run.result.reason)};
  if (run.status.success()) return {run.status, {}};
  return {run.status, fmt::format("{}: {} {}", name(hook), program, host::text(run.status))};
}

}  // namespace

void HookRunner::run(const HookCall& call, Done done) {
  if (running_ < kMostAtOnce) return start(call, std::move(done));
  waiting_.push_back({call, std::move(done)});
}

void HookRunner::start(const HookCall& call, Done done) {
  ++running_;
  const Prepared prepared = prepare_call(call);
  scripts_.run(prepared.arguments, prepared.environment, patience(call.hook),
               [hook = call.hook, program = prepared.arguments.front(), done = std::move(done),
                this](const host::ScriptRun& run) {
                 done(result_of(hook, program, run));
                 ended();
               });
}

void HookRunner::ended() {
  --running_;
  if (!waiting_.empty() && running_ < kMostAtOnce) {
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    start(next.call, next.done);
  }
  if (running_ > 0) return;
  for (const auto& idle : std::exchange(idle_, {})) idle();
}

void HookRunner::when_idle(std::function<void()> idle) {
  if (running_ == 0) return idle();
  idle_.push_back(std::move(idle));
}

HookResult HookRunner::run_now(const HookCall& call) {
  const Prepared prepared = prepare_call(call);
  return result_of(call.hook, prepared.arguments.front(),
                   host::run_script(prepared.arguments, prepared.environment, patience(call.hook)));
}

}  // namespace vpnd::hooks
