#include "vpnd/control/server_hooks.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <system_error>

#include "vpnd/hooks/environment.hpp"
#include "vpnd/host/temp_file.hpp"

namespace vpnd::control {

namespace {

void log_failure(const hooks::HookResult& result) {
  if (!result.ok()) spdlog::warn("{}", result.failure);
}

}  // namespace

ServerHooks::ServerHooks(asio::io_context& context, const config::Options& options, hooks::HookRunner& runner)
    : options_(options), runner_(runner), base_(hooks::process_environment(options)) {
  const config::ScriptOptions& scripts = options.scripts;
  if (scripts.tls_verify) certificates_.emplace(options, runner);
  if (scripts.client_connect) connect_.emplace(context, options, runner);
  if (scripts.learn_address) addresses_.emplace(context, options, runner);
}

void ServerHooks::client_left(const host::ScriptEnvironment& environment) {
  const auto& command = options_.scripts.client_disconnect;
  if (command) runner_.run({hooks::Hook::client_disconnect, *command, {}, environment}, log_failure);
}

void ServerHooks::challenge_answered(const host::ScriptEnvironment& environment, std::string_view response) {
  const auto& command = options_.scripts.challenge_response;
  if (!command) return;
  try {
    const auto file = std::make_shared<host::TempFile>(options_.scripts.temporary, "cr", response);
    runner_.run({hooks::Hook::challenge_response, *command, {file->path().string()}, environment},
                [file](const hooks::HookResult& result) { log_failure(result); });
  } catch (const std::system_error& error) {
    spdlog::error("client-crresponse: {}", error.what());
  }
}

}  // namespace vpnd::control
