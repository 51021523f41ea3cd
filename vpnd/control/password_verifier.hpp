// `auth-user-pass-verify`: asks a script whether a user name and password are right, out of process.
//
// The script says so by its exit status, or with status 2 puts the answer off: then it, or whatever it
// started, writes it to the file that `auth_control_file` names (1: right, 0: wrong). As with stock it may
// say in the file `auth_pending_file` how long that takes and what to show to the user, and in
// `auth_failed_reason_file` why the answer is no.

#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "crypto/secret.hpp"
#include "vpnd/config/role_options.hpp"
#include "vpnd/control/pam_service.hpp"
#include "vpnd/hooks/script_runner.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class PasswordVerifier {
 public:
  enum class Verdict : std::uint8_t { right, wrong };

  struct Decision {
    Verdict verdict = Verdict::wrong;
    std::string reason;  ///< for the client to read; printable, may be empty
  };

  /// The answer takes longer than a client waits by itself.
  struct Pending {
    std::chrono::seconds timeout;  ///< from now on
    std::string method;  ///< what the client must be able to do (IV_SSO), such as "webauth"; or empty
    std::string extra;   ///< for the client's INFO_PRE; printable, or empty
  };

  struct Question {
    std::string username;
    const crypto::SecretString& password;
    host::ScriptEnvironment environment;  ///< what is known of the client; grows by what the script needs
    std::chrono::milliseconds patience;   ///< then it is wrong
  };

  /// Both are called from the io_context, later than verify(). `pending` at most twice, and then false means
  /// that the client cannot wait, which ends it; `decided` once.
  struct Answers {
    std::function<bool(const Pending&)> pending;
    std::function<void(const Decision&)> decided;
  };

  struct Timing {
    std::chrono::milliseconds slow{
        10'000};                          ///< a script that still runs after this time is told to be pending
    std::chrono::milliseconds poll{500};  ///< how often a deferred answer is looked for
  };

  /// Keep it as long as the answer is wanted: destroying it calls nobody any more.
  class Verification {
   public:
    virtual ~Verification() = default;
    /// Where the script, or whoever learns the answer later, writes it.
    virtual std::string control_file() const = 0;
  };

  PasswordVerifier(asio::io_context& context, config::PasswordVerifier settings,
                   std::filesystem::path temporary_directory, hooks::ScriptRunner& scripts)
      : PasswordVerifier(context, std::move(settings), std::move(temporary_directory), scripts, Timing()) {}
  PasswordVerifier(asio::io_context& context, config::PasswordVerifier settings,
                   std::filesystem::path temporary_directory, hooks::ScriptRunner& scripts,
                   const Timing& timing)
      : context_(context),
        settings_(std::move(settings)),
        temporary_(std::move(temporary_directory)),
        scripts_(scripts),
        timing_(timing) {}

  /// From now on PAM is asked, not a script. `helper` outlives it.
  void use(PamService& helper) { helper_ = &helper; }

  [[nodiscard]] std::shared_ptr<Verification> verify(Question&& question, Answers&& answers);

 private:
  std::shared_ptr<Verification> ask_helper(const Question& question, Answers&& answers);

  asio::io_context& context_;
  PamService* helper_ = nullptr;  // none: the script
  config::PasswordVerifier settings_;
  std::filesystem::path temporary_;
  hooks::ScriptRunner& scripts_;
  Timing timing_;
};

}  // namespace vpnd::control
