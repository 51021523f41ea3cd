// `learn-address`: tells a program which client an address or network belongs to, and asks whether it may.

#pragma once

#include <asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tunio/ip_address.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/hooks/hook_runner.hpp"

namespace vpnd::control {

/// Calls the program for one address at a time, so that it hears of changes in their order. Belongs to the
/// control thread. `options` and `runner` outlive it; a program is configured.
class LearnAddress {
 public:
  /// Whether the address may be the client's.
  using Decided = std::function<void(bool)>;

  LearnAddress(asio::io_context& context, const config::Options& options, hooks::HookRunner& runner)
      : context_(context), options_(options), runner_(runner) {}

  /// "add", or "update" if another client has just left it. `decided` is called once, later.
  void add(const tunio::Prefix& prefix, const std::string& common_name,
           const host::ScriptEnvironment& environment, Decided decided);
  /// "delete", unless it has a new owner in the same turn of the loop.
  void remove(const tunio::Prefix& prefix, const host::ScriptEnvironment& environment);

 private:
  struct Change {
    hooks::HookCall call;
    Decided decided;
  };
  void enqueue(std::vector<std::string> arguments, const host::ScriptEnvironment& environment,
               Decided decided);
  void call_next();
  void tell_of_removed();

  asio::io_context& context_;
  const config::Options& options_;
  hooks::HookRunner& runner_;
  std::deque<Change> waiting_;
  bool busy_ = false;
  std::map<std::string, host::ScriptEnvironment> leaving_;  // by the address as the program reads it
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // posted functions ask it first
};

}  // namespace vpnd::control
