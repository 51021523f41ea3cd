// What all management clients of a daemon share: the histories, the hold, the question that is open. Knows no
// sockets: those are in socket_server.hpp, and the protocol of one client in session.hpp.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/config/management_options.hpp"
#include "vpnd/management/history.hpp"
#include "vpnd/management/question.hpp"
#include "vpnd/management/state.hpp"
#include "vpnd/management/target.hpp"

namespace vpnd::management {

class Session;

/// The knobs of the log that `verb` and `mute` turn.
class LogControl {
 public:
  virtual ~LogControl() = default;
  virtual unsigned verbosity() const = 0;
  virtual void set_verbosity(unsigned verbosity) = 0;
  virtual unsigned mute() const = 0;
  virtual void set_mute(unsigned lines) = 0;
};

/// Belongs to the control thread. What it refers to outlives it, and it outlives its sessions.
class Interface {
 public:
  using Clock = std::function<std::int64_t()>;  ///< unix seconds

  Interface(const config::ManagementOptions& options, std::string title, LogControl& log_control,
            Clock clock);

  // ---- of the daemon ----
  /// Whom commands are for. Nobody: the daemon is starting or ending.
  void set_target(Target* target) noexcept { target_ = target; }
  /// Who takes signals; called from a command, so it had better act later.
  void set_signal_handler(std::function<void(Signal)> handler) { on_signal_ = std::move(handler); }
  void report(State state, const StateDetails& details = {});
  /// `flag`: I, W, N (an error), F (fatal) or D.
  void log(char flag, std::string_view text);
  void echo(std::string_view text);
  /// A real-time message as it is, such as ">INFOMSG:…".
  void notify(std::string_view line);
  /// A message with the environment behind it: ">CLIENT:…", then ">CLIENT:ENV,name=value", then the end of
  /// it.
  void notify(std::string_view line, std::string_view source, const std::vector<std::string>& environment);
  /// >FATAL, before the daemon ends.
  void fatal(std::string_view text);
  /// Every second: byte counts are told to those who asked for them.
  void tick();

  /// Asks; a former question is withdrawn. `done` is called once, from a command.
  void ask(Question question, OpenQuestion::Done done);
  void ask_remote(std::string_view host, std::uint16_t port, std::string_view protocol,
                  std::function<void(const RemoteChoice&)> done);
  void ask_proxy(std::string_view protocol, std::string_view host,
                 std::function<void(const ProxyChoice&)> done);
  /// Asks for a signature of these bytes with the private key that is there, all of it in base64. Beside
  /// whatever else is asked; a former one is withdrawn.
  void ask_signature(std::string data, std::string_view algorithm,
                     std::function<void(const std::string& signature)> done);
  void withdraw_signature() { signature_.reset(); }
  /// Asks for our certificate; `done` gets PEM.
  void ask_certificate(std::string_view hint, std::function<void(const std::string& pem)> done);
  /// ">HOLD:Waiting for hold release:…", until somebody releases it.
  void await_release(std::int64_t seconds, std::function<void()> done);
  /// Nobody is asked any more but for a signature, and nobody waits for a release.
  void withdraw();

  const config::ManagementOptions& options() const noexcept { return options_; }
  bool hold() const noexcept { return hold_; }
  bool anybody() const noexcept { return !sessions_.empty(); }

  // ---- of the sessions ----
  void enter(Session& session);
  void leave(Session& session);
  Target* target() noexcept { return target_; }
  LogControl& log_control() noexcept { return log_control_; }
  const std::string& title() const noexcept { return title_; }
  const History& log_history() const noexcept { return log_; }
  const History& echo_history() const noexcept { return echo_; }
  const History& state_history() const noexcept { return state_; }
  /// False if nobody takes it.
  bool throw_signal(Signal signal);
  void set_hold(bool hold) noexcept { hold_ = hold; }
  void release();
  std::optional<OpenQuestion>& question() noexcept { return question_; }
  /// Hands the answer on if it is whole.
  void finish_question();
  bool choosing_remote() const noexcept { return remote_ != nullptr; }
  bool choosing_proxy() const noexcept { return proxy_ != nullptr; }
  struct OpenSignature {
    std::string data;
    std::string algorithm;
    std::function<void(const std::string&)> done;
  };
  const std::optional<OpenSignature>& signature() const noexcept { return signature_; }
  void give_signature(const std::string& base64);
  bool awaits_certificate() const noexcept { return certificate_ != nullptr; }
  void give_certificate(const std::string& pem);
  void choose_remote(const RemoteChoice& choice);
  void choose_proxy(const ProxyChoice& choice);
  /// What a newcomer has to see at once; empty: nothing.
  const std::string& prompt() const noexcept { return prompt_; }

 private:
  std::string stamped(std::string_view text) const;
  void show_prompt(std::string_view text);

  const config::ManagementOptions& options_;
  std::string title_;
  LogControl& log_control_;
  Clock clock_;
  Target* target_ = nullptr;
  std::function<void(Signal)> on_signal_;
  std::vector<Session*> sessions_;
  History log_, echo_, state_;
  bool hold_;
  std::string prompt_;
  std::optional<OpenQuestion> question_;
  std::function<void(const RemoteChoice&)> remote_;
  std::function<void(const ProxyChoice&)> proxy_;
  std::function<void()> released_;
  std::function<void(const std::string&)> certificate_;
  std::optional<OpenSignature> signature_;
};

}  // namespace vpnd::management
