#include "vpnd/control/password_verifier.hpp"

#include <spdlog/spdlog.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "proto/control_message.hpp"
#include "vpnd/host/temp_file.hpp"

namespace vpnd::control {

namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kDeferred = 2;                      // exit status
constexpr std::size_t kLongestAnswerFile = 4096;  // of those that the script writes

// Parts one line off the text. What a client could not be sent is taken for nothing.
std::string take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return proto::is_printable(line) ? std::string(line) : std::string();
}

// The files by which we talk to the script, and it, or what it leaves behind, to us.
struct ScriptFiles {
  // Throws std::system_error.
  explicit ScriptFiles(const std::filesystem::path& directory)
      : control(directory, "vpnd-ac"), pending(directory, "vpnd-ap"), reason(directory, "vpnd-ar") {}

  host::TempFile control;
  host::TempFile pending;
  host::TempFile reason;
  std::optional<host::TempFile> password;
};

// One question under way. Timers and the script's end know it weakly.
class Process final : public PasswordVerifier::Verification, public std::enable_shared_from_this<Process> {
 public:
  Process(asio::io_context& context, std::shared_ptr<const ScriptFiles> files,
          PasswordVerifier::Answers&& answers, milliseconds patience, const PasswordVerifier::Timing& timing)
      : files_(std::move(files)),
        answers_(std::move(answers)),
        timing_(timing),
        deadline_(steady_clock::now() + patience),
        timer_(context) {}

  std::string control_file() const override { return files_->control.path().string(); }

  void await_slowness() {
    after(timing_.slow, [this] { tell_pending({left(), {}, {}}); });
  }

  void script_ended(const host::ScriptRun& run) {
    if (!answers_.decided) return;
    timer_.cancel();
    if (!run.result.ok()) {
      spdlog::error("auth-user-pass-verify: {}", run.result.reason);
      return decide(PasswordVerifier::Verdict::wrong);
    }
    if (run.status == host::ExitStatus{host::ExitStatus::Kind::exited, kDeferred}) return begin_waiting();
    if (!run.status.success()) spdlog::info("auth-user-pass-verify: the script {}", host::text(run.status));
    decide(run.status.success() ? PasswordVerifier::Verdict::right : PasswordVerifier::Verdict::wrong);
  }

 private:
  // `auth_pending_file`: seconds, the method that the client needs, and what it is to be shown; a line each.
  void begin_waiting() {
    PasswordVerifier::Pending pending{left(), {}, {}};
    const std::string told = files_->pending.read(kLongestAnswerFile).value_or("");
    if (!told.empty()) {
      std::string_view rest = told;
      const std::string number = take_line(rest);
      unsigned timeout = 0;
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), timeout);
      if (error == std::errc() && timeout > 0) {
        pending.timeout = std::min(pending.timeout, seconds(timeout));
        deadline_ = std::min(deadline_, steady_clock::now() + pending.timeout);
      } else {
        spdlog::warn("auth-user-pass-verify: the first line of auth_pending_file is no number of seconds");
      }
      pending.method = take_line(rest);
      pending.extra = take_line(rest);
    }
    if (tell_pending(pending)) look_for_answer();
  }

  bool tell_pending(const PasswordVerifier::Pending& pending) {
    if (answers_.pending(pending)) return true;
    decide(PasswordVerifier::Verdict::wrong);
    return false;
  }

  // Looked for again and again rather than watched, since a program may write the file or replace it.
  void look_for_answer() {
    const std::string answer = files_->control.read(kLongestAnswerFile).value_or("");
    if (answer.starts_with('1')) return decide(PasswordVerifier::Verdict::right);
    if (answer.starts_with('0')) return decide(PasswordVerifier::Verdict::wrong);
    if (steady_clock::now() >= deadline_) {
      spdlog::info("auth-user-pass-verify: no answer came in time");
      return decide(PasswordVerifier::Verdict::wrong);
    }
    after(timing_.poll, [this] { look_for_answer(); });
  }

  void decide(PasswordVerifier::Verdict verdict) {
    const auto decided = std::exchange(answers_.decided, nullptr);
    PasswordVerifier::Decision decision{verdict, {}};
    if (verdict == PasswordVerifier::Verdict::wrong) {
      const std::string reason = files_->reason.read(kLongestAnswerFile).value_or("");
      std::string_view rest = reason;
      decision.reason = take_line(rest);
    }
    decided(decision);
  }

  template <typename Action>
  void after(milliseconds wait, Action action) {
    timer_.expires_after(wait);
    timer_.async_wait([weak = weak_from_this(), action](const asio::error_code& error) {
      const auto self = weak.lock();
      if (!error && self && self->answers_.decided) action();
    });
  }

  seconds left() const { return std::max(ceil<seconds>(deadline_ - steady_clock::now()), seconds::zero()); }

  const std::shared_ptr<const ScriptFiles> files_;
  PasswordVerifier::Answers answers_;  // `decided` is empty once it was called
  const PasswordVerifier::Timing timing_;
  steady_clock::time_point deadline_;
  asio::steady_timer timer_;
};

// A question to PAM under way.
class HelperQuestion final : public PasswordVerifier::Verification {
 public:
  HelperQuestion(PamService& helper, std::uint64_t number) : helper_(helper), number_(number) {}
  ~HelperQuestion() override { helper_.forget(number_); }
  HelperQuestion(const HelperQuestion&) = delete;
  HelperQuestion& operator=(const HelperQuestion&) = delete;

  std::string control_file() const override { return {}; }

 private:
  PamService& helper_;
  const std::uint64_t number_;
};

}  // namespace

std::shared_ptr<PasswordVerifier::Verification> PasswordVerifier::ask_helper(const Question& question,
                                                                             Answers&& answers) {
  const auto& known = question.environment.variables();
  const auto common_name = known.find("common_name");
  const auto number = helper_->ask(
      question.username, question.password.expose(), common_name != known.end() ? common_name->second : "",
      [decided = std::move(answers.decided)](bool right, const std::string& text) {
        if (!right) spdlog::info("auth-pam: {}", text);
        decided({right ? Verdict::right : Verdict::wrong, {}});
      });
  return std::make_shared<HelperQuestion>(*helper_, number);
}

std::shared_ptr<PasswordVerifier::Verification> PasswordVerifier::verify(Question&& question,
                                                                         Answers&& answers) {
  if (helper_ != nullptr) return ask_helper(question, std::move(answers));
  auto arguments = settings_.command.words;
  host::ScriptEnvironment& environment = question.environment;
  environment.set("username", question.username);
  environment.set("script_type", "user-pass-verify");
  std::shared_ptr<ScriptFiles> files;
  try {
    files = std::make_shared<ScriptFiles>(temporary_);
    if (settings_.transfer == config::PasswordTransfer::via_environment) {
      environment.set("password", question.password.expose());
    } else {
      std::string content = question.username + "\n" + std::string(question.password.expose()) + "\n";
      files->password.emplace(temporary_, "vpnd-up", content);
      crypto::wipe(content);
      arguments.push_back(files->password->path().string());
    }
  } catch (const std::system_error& error) {
    spdlog::error("auth-user-pass-verify: {}", error.what());
    asio::post(context_, [decided = std::move(answers.decided)] { decided({Verdict::wrong, {}}); });
    return nullptr;
  }
  environment.set("auth_control_file", files->control.path().string());
  environment.set("auth_pending_file", files->pending.path().string());
  environment.set("auth_failed_reason_file", files->reason.path().string());

  auto process = std::make_shared<Process>(context_, files, std::move(answers), question.patience, timing_);
  process->await_slowness();
  scripts_.run(
      arguments, environment, question.patience,
      [files, weak = std::weak_ptr(process)](const host::ScriptRun& run) {  // files live as long as it
        if (const auto self = weak.lock()) self->script_ended(run);
      });
  return process;
}

}  // namespace vpnd::control
