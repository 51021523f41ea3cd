// The table of commands, and those that any daemon answers. The texts are OpenVPN's, since programs look for
// them.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "vpnd/management/command_table.hpp"

namespace vpnd::management {

namespace {

constexpr int kVersion = 5;
constexpr std::int64_t kMaxVerbosity = 15;

constexpr std::string_view kHelp[] = {
    "Commands:",
    "auth-retry t           : Auth failure retry mode (none,interact,nointeract).",
    "bytecount n            : Show bytes in/out, update every n secs (0=off).",
    "echo [on|off] [N|all]  : Like log, but only show messages in echo buffer.",
    "cr-response response   : Send a challenge response answer via CR_RESPONSE to server",
    "exit|quit              : Close management session.",
    "forget-passwords       : Forget passwords entered so far.",
    "help                   : Print this message.",
    "hold [on|off|release]  : Set/show hold flag to on/off state, or",
    "                         release current hold and start tunnel.",
    "kill cn                : Kill the client instance(s) having common name cn.",
    "kill IP:port           : Kill the client instance connecting from IP:port.",
    "load-stats             : Show global server load stats.",
    "log [on|off] [N|all]   : Turn on/off realtime log display",
    "                         + show last N lines or 'all' for entire history.",
    "mute [n]               : Set log mute level to n, or show level if n is absent.",
    "needok type action     : Enter confirmation for NEED-OK request of 'type',",
    "                         where action = 'ok' or 'cancel'.",
    "needstr type action    : Enter confirmation for NEED-STR request of 'type',",
    "                         where action is reply string.",
    "net                    : (Windows only) Show network info and routing table.",
    "password type p        : Enter password p for a queried OpenVPN password.",
    "remote type [host port] : Override remote directive, type=ACCEPT|MOD|SKIP.",
    "remote-entry-count     : Get number of available remote entries.",
    "remote-entry-get  i|all [j]: Get remote entry at index = i to to j-1 or all.",
    "proxy type [host port flags] : Enter dynamic proxy server info.",
    "pid                    : Show process ID of the current OpenVPN process.",
    "client-auth CID KID    : Authenticate client-id/key-id CID/KID (MULTILINE)",
    "client-auth-nt CID KID : Authenticate client-id/key-id CID/KID",
    "client-deny CID KID R [CR] : Deny auth client-id/key-id CID/KID with log reason",
    "                             text R and optional client reason text CR",
    "client-pending-auth CID KID MSG timeout : Instruct OpenVPN to send AUTH_PENDING and INFO_PRE msg",
    "                                      to the client and wait for a final client-auth/client-deny",
    "client-kill CID [M]    : Kill client instance CID with message M (def=RESTART)",
    "push-update-broad options : Send PUSH_UPDATE to all clients.",
    "push-update-cid CID options : Send PUSH_UPDATE to client CID.",
    "env-filter [level]     : Set env-var filter level",
    "rsa-sig                : Enter a signature in response to >RSA_SIGN challenge",
    "                         Enter signature base64 on subsequent lines followed by END",
    "pk-sig                 : Enter a signature in response to >PK_SIGN challenge",
    "                         Enter signature base64 on subsequent lines followed by END",
    "certificate            : Enter a client certificate in response to >NEED-CERT challenge",
    "                         Enter certificate base64 on subsequent lines followed by END",
    "signal s               : Send signal s to daemon,",
    "                         s = SIGHUP|SIGTERM|SIGUSR1|SIGUSR2.",
    "state [on|off] [N|all] : Like log, but show state history.",
    "status [n]             : Show current daemon status info using format #n.",
    "test n                 : Produce n lines of output for testing/debugging.",
    "username type u        : Enter username u for a queried OpenVPN username.",
    "verb [n]               : Set log verbosity level to n, or show if n is absent.",
    "version [n]            : Set client's version to n or show current version of daemon.",
    "END",
};

}  // namespace

// clang-format off
std::span<const Session::Command> Session::commands() noexcept {
  static constexpr Command kCommands[] = {
      {"auth-retry", 0, true, &Session::do_auth_retry},
      {"bytecount", 1, false, &Session::do_bytecount},
      {"certificate", 0, false, &Session::do_certificate},
      {"client-auth", 2, false, &Session::do_client_auth},
      {"client-auth-nt", 2, false, &Session::do_client_auth_nt},
      {"client-deny", 3, true, &Session::do_client_deny},
      {"client-kill", 1, true, &Session::do_client_kill},
      {"client-pending-auth", 4, false, &Session::do_client_pending_auth},
      {"cr-response", 1, false, &Session::do_cr_response},
      {"echo", 1, true, &Session::do_echo},
      {"env-filter", 0, true, &Session::do_env_filter},
      {"exit", 0, false, &Session::do_exit},
      {"forget-passwords", 0, false, &Session::do_forget_passwords},
      {"help", 0, false, &Session::do_help},
      {"hold", 0, true, &Session::do_hold},
      {"kill", 1, false, &Session::do_kill},
      {"load-stats", 0, false, &Session::do_load_stats},
      {"log", 1, true, &Session::do_log},
      {"mute", 0, true, &Session::do_mute},
      {"nclients", 0, false, &Session::do_nclients},
      {"needok", 2, false, &Session::do_needok},
      {"needstr", 2, false, &Session::do_needstr},
      {"net", 0, false, &Session::do_net},
      {"password", 2, false, &Session::do_password},
      {"pid", 0, false, &Session::do_pid},
      {"pk-sig", 0, false, &Session::do_signature},
      {"proxy", 1, true, &Session::do_proxy},
      {"push-update-broad", 1, false, &Session::do_push_update},
      {"push-update-cid", 2, false, &Session::do_push_update},
      {"quit", 0, false, &Session::do_exit},
      {"remote", 1, true, &Session::do_remote},
      {"remote-entry-count", 0, false, &Session::do_remote_entry_count},
      {"remote-entry-get", 1, true, &Session::do_remote_entry_get},
      {"rsa-sig", 0, false, &Session::do_signature},
      {"signal", 1, false, &Session::do_signal},
      {"state", 0, true, &Session::do_state},
      {"status", 0, true, &Session::do_status},
      {"test", 1, false, &Session::do_test},
      {"username", 2, false, &Session::do_username},
      {"verb", 0, true, &Session::do_verb},
      {"version", 0, true, &Session::do_version},
  };
  return kCommands;
}
// clang-format on

std::int64_t leading_number(std::string_view word) noexcept {
  const bool negative = word.starts_with('-');
  if (negative || word.starts_with('+')) word.remove_prefix(1);
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::int64_t value = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') break;
    value = std::min(value * 10 + (c - '0'), kMost);
  }
  return negative ? -value : value;
}

void Session::unsupported(std::string_view command) {
  send(fmt::format("ERROR: The '{}' command is not supported by the current daemon mode", command));
}

void Session::report(Outcome outcome, std::string_view command, std::string_view hint) {
  switch (outcome) {
    case Outcome::unsupported:
      return unsupported(command);
    case Outcome::failed:
      return send(fmt::format("ERROR: {} command failed{}", command, hint));
    case Outcome::succeeded:
      return send(fmt::format("SUCCESS: {} command succeeded", command));
  }
}

void Session::do_exit(const Words&) {
  ended_ = true;
}

void Session::do_help(const Words&) {
  send("Management Interface for " + shared_.title());
  for (const std::string_view line : kHelp) send(line);
}

// Telling a version is not answered: what differs between them is not supported, or the same for all.
void Session::do_version(const Words& words) {
  if (words.size() > 1) {
    client_version_ = leading_number(words[1]);
    return;
  }
  send("OpenVPN Version: " + shared_.title());
  send(fmt::format("Management Version: {}", kVersion));
  send("END");
}

void Session::do_pid(const Words&) {
  send(fmt::format("SUCCESS: pid={}", ::getpid()));
}

void Session::do_net(const Words&) {
  if (shared_.target() == nullptr) return unsupported("net");
  send("ERROR: Sorry, this command is currently only implemented on Windows");
}

void Session::do_test(const Words& words) {
  const std::int64_t lines = leading_number(words[1]);
  for (std::int64_t i = 0; i < lines && !ended_; ++i)
    send(fmt::format("[{}] The purpose of this command is to generate large amounts of output.", i));
}

void Session::do_signal(const Words& words) {
  constexpr std::pair<std::string_view, Signal> kSignals[] = {{"SIGHUP", Signal::hup},
                                                              {"SIGTERM", Signal::term},
                                                              {"SIGUSR1", Signal::usr1},
                                                              {"SIGUSR2", Signal::usr2}};
  for (const auto& [name, signal] : kSignals) {
    if (words[1] != name) continue;
    const bool taken = shared_.throw_signal(signal);
    return send(taken ? fmt::format("SUCCESS: signal {} thrown", name)
                      : fmt::format("ERROR: signal '{}' is currently ignored", name));
  }
  send(fmt::format("ERROR: signal '{}' is not a known signal type", words[1]));
}

void Session::do_verb(const Words& words) {
  if (words.size() < 2) return send(fmt::format("SUCCESS: verb={}", shared_.log_control().verbosity()));
  const std::int64_t level = leading_number(words[1]);
  if (level < 0 || level > kMaxVerbosity) return send("ERROR: verb level is out of range");
  shared_.log_control().set_verbosity(static_cast<unsigned>(level));
  send("SUCCESS: verb level changed");
}

void Session::do_mute(const Words& words) {
  if (words.size() < 2) return send(fmt::format("SUCCESS: mute={}", shared_.log_control().mute()));
  const std::int64_t lines = leading_number(words[1]);
  if (lines < 0) return send("ERROR: mute level is out of range");
  shared_.log_control().set_mute(static_cast<unsigned>(lines));
  send("SUCCESS: mute level changed");
}

void Session::do_hold(const Words& words) {
  if (words.size() < 2) return send(fmt::format("SUCCESS: hold={}", shared_.hold() ? 1 : 0));
  if (words[1] == "on" || words[1] == "off") {
    shared_.set_hold(words[1] == "on");
    return send(fmt::format("SUCCESS: hold flag set to {}", shared_.hold() ? "ON" : "OFF"));
  }
  if (words[1] != "release") return send("ERROR: bad hold command parameter");
  send("SUCCESS: hold release succeeded");
  shared_.release();
}

void Session::show_history(std::string_view word, std::string_view kind, const History& history,
                           RealTime real_time) {
  const bool on = word == "on";
  if (on || word == "off") {
    real_time_[static_cast<std::size_t>(real_time)] = on;
    return send(fmt::format("SUCCESS: real-time {} notification set to {}", kind, on ? "ON" : "OFF"));
  }
  const std::int64_t count = leading_number(word);
  if (word != "all" && count <= 0) {
    return send(fmt::format("ERROR: {} parameter must be 'on' or 'off' or some number n or 'all'", kind));
  }
  const std::size_t lines =
      word == "all" ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(count);
  history.last(lines, [this](const std::string& line) { send(line); });
  send("END");
}

void Session::do_log(const Words& words) {
  for (std::size_t i = 1; i < words.size() && i < 3; ++i)
    show_history(words[i], "log", shared_.log_history(), RealTime::log);
}

void Session::do_echo(const Words& words) {
  for (std::size_t i = 1; i < words.size() && i < 3; ++i)
    show_history(words[i], "echo", shared_.echo_history(), RealTime::echo);
}

void Session::do_state(const Words& words) {
  if (words.size() < 2) return show_history("1", "state", shared_.state_history(), RealTime::state);
  for (std::size_t i = 1; i < words.size() && i < 3; ++i)
    show_history(words[i], "state", shared_.state_history(), RealTime::state);
}

void Session::do_status(const Words& words) {
  if (shared_.target() == nullptr) return unsupported("status");
  const std::int64_t version = words.size() > 1 ? leading_number(words[1]) : 0;
  const auto text = version < 0 ? std::nullopt : shared_.target()->status(static_cast<unsigned>(version));
  if (!text) return send("ERROR: bad status format version number");
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    send(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void Session::do_load_stats(const Words&) {
  const LoadStats stats = shared_.target() != nullptr ? shared_.target()->load_stats() : LoadStats();
  send(fmt::format("SUCCESS: nclients={},bytesin={},bytesout={}", stats.clients, stats.received, stats.sent));
}

void Session::do_bytecount(const Words& words) {
  byte_interval_ = std::max<std::int64_t>(leading_number(words[1]), 0);
  send("SUCCESS: bytecount interval changed");
}

void Session::do_env_filter(const Words& words) {
  environment_level_ = words.size() > 1 ? static_cast<int>(leading_number(words[1])) : 0;
  send(fmt::format("SUCCESS: env_filter_level={}", environment_level_));
}

}  // namespace vpnd::management
