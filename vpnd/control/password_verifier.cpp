#include "vpnd/control/password_verifier.hpp"

#include <spdlog/spdlog.h>
#include <asio/post.hpp>

#include <chrono>
#include <memory>

#include "vpnd/host/temp_file.hpp"

namespace vpnd::control {

namespace {

constexpr std::chrono::seconds kTimeout{30};  // below the client's 60 s for the whole handshake

}  // namespace

void PasswordVerifier::verify(const std::string& username, const crypto::SecretString& password,
                              host::ScriptEnvironment environment, std::function<void(Verdict)> decided) {
  auto arguments = settings_.command.words;
  std::shared_ptr<host::TempFile> file;  // lives until the script has ended
  environment.set("username", username);
  if (settings_.transfer == config::PasswordTransfer::via_environment) {
    environment.set("password", password.expose());
  } else {
    std::string content = username + "\n" + std::string(password.expose()) + "\n";
    try {
      file = std::make_shared<host::TempFile>(temporary_, "vpnd-up", content);
    } catch (const std::system_error& error) {
      spdlog::error("auth-user-pass-verify: {}", error.what());
    }
    crypto::wipe(content);
    arguments.push_back(file ? file->path().string() : std::string("/dev/null"));
  }
  environment.set("script_type", "user-pass-verify");
  scripts_.run(arguments, environment, kTimeout,
               [file, decided = std::move(decided), program = arguments.front()](const host::ScriptRun& run) {
                 if (!run.result.ok()) {
                   spdlog::error("auth-user-pass-verify: {}", run.result.reason);
                 } else if (!run.status.success()) {
                   spdlog::info("auth-user-pass-verify: {} {}", program, host::text(run.status));
                 }
                 decided(run.result.ok() && run.status.success() ? Verdict::right : Verdict::wrong);
               });
}

}  // namespace vpnd::control
