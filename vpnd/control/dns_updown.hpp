// `dns-updown`: has a program set the host's name servers, and take them back.
//
// The program needs the privileges of the start. Where the daemon gives them up, a helper that keeps them
// starts it: it was started before, and its standard output is a socket over which lines NAME=value come, and
// "." at their end; it answers with the exit status as a line.

#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vpnd/config/options.hpp"
#include "vpnd/hooks/hook_runner.hpp"
#include "vpnd/host/process.hpp"

namespace vpnd::control {

/// Belongs to the control thread. What it is made of outlives it.
class DnsHook {
 public:
  enum class Wait : std::uint8_t { no, yes };
  using Done = std::function<void()>;

  DnsHook(const config::Options& options, hooks::HookRunner& runner) : options_(options), runner_(runner) {}

  /// With the privileges of the start: starts the helper, if they are given up later.
  void prepare(asio::io_context& context);

  /// What fails is only warned of. `settings` are as in dns_environment(); without a server nothing is done.
  void set(const std::vector<std::string>& settings, const std::string& device, Wait wait, Done done);
  /// Takes back what was set last.
  void unset(Wait wait, Done done);

 private:
  config::Command program() const;
  bool wanted() const;
  void call(std::string_view kind, Wait wait, Done done);
  void ask_helper(const hooks::HookCall& call, Wait wait, Done done);
  void await_answer(Done done);
  void take_answer(const Done& done);

  const config::Options& options_;
  hooks::HookRunner& runner_;
  std::optional<host::ScriptEnvironment> in_force_;  // what the program was told, once it was
  host::ChildProcess helper_;  // ends once the socket is gone, which is destroyed before it
  std::unique_ptr<asio::posix::stream_descriptor> socket_;  // none: the program is called by ourselves
};

}  // namespace vpnd::control
