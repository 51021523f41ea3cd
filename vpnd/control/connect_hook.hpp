// `client-connect`: asks a program whether a client that has proven who it is may come in, and what it is to
// be given.
//
// The program answers by its exit status and by lines in a file, which are read like one of
// client-config-dir. It may put the answer off: it writes "2" to the file that client_connect_deferred_file
// names, and somebody writes "1" (yes) or "0" (no) there later.

#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "vpnd/config/client_config.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/hooks/hook_runner.hpp"

namespace vpnd::control {

/// Belongs to the control thread. `options` and `runner` outlive it; a program is configured.
class ConnectHook {
 public:
  struct Answer {
    std::string refusal;  ///< empty: let it in; else why not, for the log
    config::ParsedClientConfig given{};
  };
  using Decided = std::function<void(Answer&&)>;

  /// Keep it as long as the answer is wanted: destroying it calls nobody any more.
  class Question {
   public:
    virtual ~Question() = default;
  };

  ConnectHook(asio::io_context& context, const config::Options& options, hooks::HookRunner& runner,
              std::chrono::milliseconds poll = std::chrono::milliseconds(500))
      : context_(context), options_(options), runner_(runner), poll_(poll) {}

  /// `decided` is called once, later; after `patience` the answer is no.
  [[nodiscard]] std::shared_ptr<Question> ask(const host::ScriptEnvironment& environment,
                                              std::chrono::milliseconds patience, Decided decided);

 private:
  asio::io_context& context_;
  const config::Options& options_;
  hooks::HookRunner& runner_;
  std::chrono::milliseconds poll_;  ///< how often an answer that was put off is looked for
};

}  // namespace vpnd::control
