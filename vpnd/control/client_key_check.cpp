#include "vpnd/control/client_key_check.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "vpnd/host/temp_file.hpp"

namespace vpnd::control {

namespace {

constexpr std::chrono::seconds kScriptTimeout{10};

std::string_view text_of(const std::optional<crypto::TlsCryptMetadata>& metadata) {
  if (!metadata) return {};
  return {reinterpret_cast<const char*>(metadata->bytes.data()), metadata->bytes.size()};
}

}  // namespace

std::string refuse_by_age(const std::optional<crypto::TlsCryptMetadata>& metadata, std::chrono::days max_age,
                          std::int64_t now) {
  const auto made = metadata ? metadata->as_timestamp() : std::nullopt;
  if (!made) return "the client key does not tell when it was made";
  const std::chrono::seconds age(now - *made);
  if (age <= max_age) return {};
  return fmt::format("the client key is {} days old", std::chrono::floor<std::chrono::days>(age).count());
}

void ClientKeyCheck::ask(const std::optional<crypto::TlsCryptMetadata>& metadata,
                         std::function<void(bool)> decided) {
  const config::Command& command = *options_.server.client_key_verifier;
  std::shared_ptr<host::TempFile> file;
  try {
    file = std::make_shared<host::TempFile>(options_.scripts.temporary, "vpnd-tcv2", text_of(metadata));
  } catch (const std::system_error& error) {
    spdlog::error("tls-crypt-v2-verify: {}", error.what());
    return decided(false);
  }
  host::ScriptEnvironment environment;
  for (const auto& [name, value] : options_.scripts.environment) environment.set(name, value);
  environment.set("script_type", "tls-crypt-v2-verify");
  environment.set("metadata_type", metadata ? std::to_string(metadata->type) : "");
  environment.set("metadata_file", file->path().string());
  scripts_.run(command.words, environment, kScriptTimeout,
               [file, decided = std::move(decided)](const host::ScriptRun& run) {
                 if (!run.result.ok()) spdlog::error("tls-crypt-v2-verify: {}", run.result.reason);
                 decided(run.result.ok() && run.status.success());
               });
}

}  // namespace vpnd::control
