// A management client's lines, from bytes to commands, and what it is told of its own accord. The commands
// themselves stand in commands.cpp and client_commands.cpp.

#include "vpnd/management/session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/mac.hpp"
#include "vpnd/management/command_table.hpp"

namespace vpnd::management {

namespace {

constexpr unsigned kPasswordTries = 3;
constexpr int kManagementVersion = 5;

bool same_secret(std::string_view a, std::string_view b) {
  return crypto::constant_time_equal(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
}

}  // namespace

Session::Session(Interface& shared, std::function<void()> on_output)
    : shared_(shared), on_output_(std::move(on_output)), trusted_(!shared.options().password_file) {
  shared_.enter(*this);
  if (trusted_) {
    welcome();
  } else {
    output_ += "ENTER PASSWORD:";
    on_output_();
  }
}

Session::~Session() {
  crypto::wipe(line_);
  shared_.leave(*this);
}

void Session::welcome() {
  send(fmt::format(">INFO:OpenVPN Management Interface Version {} -- type 'help' for more info",
                   kManagementVersion));
  if (!shared_.prompt().empty()) send(shared_.prompt());
  tell_signature();
}

// ---- in ----

// Lines may hold passwords: what was read of them is wiped.
void Session::receive(std::string_view bytes) {
  while (!bytes.empty() && !ended_) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(std::min(piece.size() + 1, bytes.size()));
    line_too_long_ = line_too_long_ || line_.size() + piece.size() > kMaxLine;
    if (!line_too_long_) line_ += piece;
    if (end == std::string_view::npos) return;
    if (line_.ends_with('\r')) line_.pop_back();
    if (std::exchange(line_too_long_, false)) {
      send("ERROR: the command is too long");
    } else {
      take_line(line_);
    }
    crypto::wipe(line_);
    line_.clear();
  }
}

void Session::take_line(std::string_view line) {
  if (!trusted_) return check_password(line);
  if (block_done_) return take_block_line(line);
  auto [words, error] = config::tokenise(line);
  if (!error.empty()) return send("ERROR: " + error);
  if (words.empty()) return;
  if (words.front() == "password") {
    spdlog::debug("MANAGEMENT: CMD 'password [...]'");
  } else if (words.front() != "load-stats") {
    spdlog::debug("MANAGEMENT: CMD '{}'", crypto::sanitise_name(line));
  }
  dispatch(words);
  for (std::string& word : words) crypto::wipe(word);
}

void Session::check_password(std::string_view line) {
  if (same_secret(line, shared_.options().password_file->content.expose())) {
    trusted_ = true;
    send("SUCCESS: password is correct");
    return welcome();
  }
  send("ERROR: bad password");
  if (++password_tries_ >= kPasswordTries) {
    spdlog::warn("MAN: client connection rejected after {} failed password attempts", kPasswordTries);
    ended_ = true;
    return;
  }
  output_ += "ENTER PASSWORD:";
}

void Session::dispatch(const Words& words) {
  const auto known = commands();
  const auto command =
      std::find_if(known.begin(), known.end(), [&](const Command& one) { return one.name == words.front(); });
  if (command == known.end()) return send("ERROR: unknown command, enter 'help' for more options");
  const std::size_t given = words.size() - 1;
  if (given < command->least) {
    return send(fmt::format("ERROR: the '{}' command requires {}{} parameter{}", command->name,
                            command->more_allowed ? "at least " : "", command->least,
                            command->least > 1 ? "s" : ""));
  }
  (this->*command->run)(words);
}

void Session::begin_block(std::function<void(const std::vector<std::string>&)> done) {
  block_.clear();
  block_done_ = std::move(done);
}

void Session::take_block_line(std::string_view line) {
  if (line != "END") {
    if (block_.size() < kMaxBlockLines) block_.emplace_back(line);
    return;
  }
  std::exchange(block_done_, nullptr)(std::exchange(block_, {}));
}

// ---- out ----

std::string Session::take_output() {
  return std::exchange(output_, {});
}

void Session::send(std::string_view line) {
  if (ended_) return;
  if (output_.size() + line.size() > kMaxOutput) {
    spdlog::warn("MANAGEMENT: a client does not read what it is sent, and is dropped");
    ended_ = overflowed_ = true;
    output_.clear();
  } else {
    output_ += line;
    output_ += "\r\n";
  }
  on_output_();
}

void Session::notify(std::string_view line) {
  if (trusted_) send(line);
}

void Session::tell(RealTime kind, std::string_view line) {
  constexpr std::array<std::string_view, 3> kPrefix = {">LOG:", ">ECHO:", ">STATE:"};
  const auto index = static_cast<std::size_t>(kind);
  if (trusted_ && real_time_[index]) send(fmt::format("{}{}", kPrefix[index], line));
}

// The first knows RSA alone, and the second no name of the algorithm.
void Session::tell_signature() {
  const auto& asked = shared_.signature();
  if (!trusted_ || !asked) return;
  if (client_version_ <= 1) return send(">RSA_SIGN:" + asked->data);
  if (client_version_ == 2) return send(">PK_SIGN:" + asked->data);
  send(fmt::format(">PK_SIGN:{},{}", asked->data, asked->algorithm));
}

void Session::tick(std::int64_t now) {
  if (!trusted_ || byte_interval_ == 0 || now - bytes_told_ < byte_interval_ || shared_.target() == nullptr)
    return;
  bytes_told_ = now;
  for (const ByteCount& count : shared_.target()->byte_counts()) {
    send(count.client ? fmt::format(">BYTECOUNT_CLI:{},{},{}", *count.client, count.received, count.sent)
                      : fmt::format(">BYTECOUNT:{},{}", count.received, count.sent));
  }
}

// Level 1 lets through what begins with X509_ beside those of level 2, as stock does.
bool Session::passes_environment(std::string_view variable) const {
  constexpr std::array<std::string_view, 15> kImportant = {"username=",
                                                           "password=",
                                                           "X509_0_CN=",
                                                           "tls_serial_",
                                                           "untrusted_ip=",
                                                           "ifconfig_local=",
                                                           "ifconfig_netmask=",
                                                           "daemon_start_time=",
                                                           "daemon_pid=",
                                                           "dev=",
                                                           "ifconfig_pool_remote_ip=",
                                                           "ifconfig_pool_netmask=",
                                                           "time_duration=",
                                                           "bytes_sent=",
                                                           "bytes_received="};
  if (environment_level_ == 0) return true;
  if (environment_level_ <= 1 && variable.starts_with("X509_")) return true;
  return environment_level_ <= 2 &&
         std::any_of(kImportant.begin(), kImportant.end(),
                     [&](std::string_view name) { return variable.starts_with(name); });
}

}  // namespace vpnd::management
