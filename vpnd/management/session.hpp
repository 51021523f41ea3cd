// One management client: lines of commands go in, lines of answers and real-time messages come out. No
// sockets.
//
//   session.receive(bytes);        what came; answers and more wait in take_output()
//   on_output                      is called whenever something waits that did not before

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/management/interface.hpp"

namespace vpnd::management {

/// What a client may ask to be told as it happens.
enum class RealTime : std::uint8_t { log, echo, state };

class Session {
 public:
  static constexpr std::size_t kMaxLine = 4096;  ///< of a command; stock has 1024
  static constexpr std::size_t kMaxBlockLines = 1024;
  static constexpr std::size_t kMaxOutput = std::size_t{4} * 1024 * 1024;  ///< that waits for a slow reader

  /// Greets, or asks for the password.
  Session(Interface& shared, std::function<void()> on_output);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void receive(std::string_view bytes);
  /// What is to be sent; taken once.
  std::string take_output();
  bool has_output() const noexcept { return !output_.empty(); }
  /// The client has said "exit", has tried too many passwords, or does not read: to be closed, in the last
  /// case without sending what waits.
  bool ended() const noexcept { return ended_; }
  bool overflowed() const noexcept { return overflowed_; }

  // ---- what happens elsewhere ----
  void notify(std::string_view line);
  void tell(RealTime kind, std::string_view line);
  /// ">PK_SIGN:…", in the form that this client has asked for with `version`.
  void tell_signature();
  void tick(std::int64_t now);
  bool passes_environment(std::string_view variable) const;

  struct Command;

 private:
  using Words = std::vector<std::string>;

  void send(std::string_view line);
  void take_line(std::string_view line);
  void check_password(std::string_view line);
  void dispatch(const Words& words);
  void welcome();
  void show_history(std::string_view word, std::string_view kind, const History& history, RealTime real_time);
  void unsupported(std::string_view command);
  void report(Outcome outcome, std::string_view command, std::string_view hint = {});
  bool parse_key(const Words& words, ClientKey& key);
  void begin_block(std::function<void(const std::vector<std::string>&)> done);
  void take_block_line(std::string_view line);
  void answer(Question::Kind a, Question::Kind b, std::string_view what, const Words& words, bool username);

  // ---- commands, in the order of their table in commands.cpp ----
  void do_auth_retry(const Words& words);
  void do_bytecount(const Words& words);
  void do_certificate(const Words& words);
  void do_client_auth(const Words& words);
  void do_client_auth_nt(const Words& words);
  void do_client_deny(const Words& words);
  void do_client_kill(const Words& words);
  void do_client_pending_auth(const Words& words);
  void do_cr_response(const Words& words);
  void do_echo(const Words& words);
  void do_env_filter(const Words& words);
  void do_exit(const Words& words);
  void do_forget_passwords(const Words& words);
  void do_help(const Words& words);
  void do_hold(const Words& words);
  void do_kill(const Words& words);
  void do_load_stats(const Words& words);
  void do_log(const Words& words);
  void do_mute(const Words& words);
  void do_nclients(const Words& words);
  void do_needok(const Words& words);
  void do_needstr(const Words& words);
  void do_net(const Words& words);
  void do_password(const Words& words);
  void do_pid(const Words& words);
  void do_proxy(const Words& words);
  void do_push_update(const Words& words);
  void do_remote(const Words& words);
  void do_remote_entry_count(const Words& words);
  void do_remote_entry_get(const Words& words);
  void do_signal(const Words& words);
  void do_signature(const Words& words);
  void do_state(const Words& words);
  void do_status(const Words& words);
  void do_test(const Words& words);
  void do_username(const Words& words);
  void do_verb(const Words& words);
  void do_version(const Words& words);

  static std::span<const Command> commands() noexcept;

  Interface& shared_;
  std::function<void()> on_output_;
  std::string line_;  // the beginning of one that is not complete
  bool line_too_long_ = false;
  std::string output_;
  bool ended_ = false;
  bool overflowed_ = false;
  bool trusted_;  // has shown the password, if there is one
  unsigned password_tries_ = 0;
  bool real_time_[3] = {};
  std::int64_t byte_interval_ = 0;
  std::int64_t bytes_told_ = 0;
  int environment_level_ = 0;
  std::int64_t client_version_ = 1;  // what it has said of itself with `version`
  std::function<void(const std::vector<std::string>&)> block_done_;  // a block is being read
  std::vector<std::string> block_;
};

}  // namespace vpnd::management
