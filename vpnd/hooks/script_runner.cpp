#include "vpnd/hooks/script_runner.hpp"

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <utility>

namespace vpnd::hooks {

struct ScriptRunner::Running {
  Running(asio::io_context& context, host::ChildProcess&& process, Done&& callback)
      : child(std::move(process)),
        end(context, ::dup(child.pidfd())),
        timer(context),
        done(std::move(callback)) {}

  host::ChildProcess child;
  asio::posix::stream_descriptor end;  // readable once the child has ended
  asio::steady_timer timer;
  bool timed_out = false;
  Done done;  // empty once called, or when the runner is gone
};

ScriptRunner::~ScriptRunner() {
  for (const auto& running : running_) running->done = nullptr;
}

void ScriptRunner::run(const std::vector<std::string>& arguments, const host::ScriptEnvironment& environment,
                       std::chrono::milliseconds timeout, Done done) {
  host::Started started = host::start_process(arguments, environment);
  if (!started.result.ok()) {
    asio::post(context_, [done = std::move(done), result = std::move(started.result)] {
      done({result, {}});
    });
    return;
  }
  auto running = std::make_shared<Running>(context_, std::move(started.child), std::move(done));
  running_.insert(running);

  running->timer.expires_after(timeout);
  running->timer.async_wait([running](const asio::error_code& error) {
    if (error || !running->done) return;
    running->timed_out = true;
    running->child.kill_group();  // its end is then seen like any other
  });
  await_end(running);
}

// Asio may report an event of a descriptor that is closed to the one that was registered next, so that the
// child may be running still.
void ScriptRunner::await_end(const std::shared_ptr<Running>& running) {
  running->end.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this, running](const asio::error_code& error) {
                            if (error || !running->done) return;
                            auto status = running->child.reap();
                            if (!status) return await_end(running);
                            if (running->timed_out) status->kind = host::ExitStatus::Kind::timed_out;
                            finish(running, {{}, *status});
                          });
}

void ScriptRunner::finish(const std::shared_ptr<Running>& running, const host::ScriptRun& outcome) {
  running->timer.cancel();
  running_.erase(running);
  const Done done = std::exchange(running->done, nullptr);
  done(outcome);
}

}  // namespace vpnd::hooks
