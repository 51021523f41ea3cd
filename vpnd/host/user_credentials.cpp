#include "vpnd/host/user_credentials.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "tunio/unique_fd.hpp"
#include "vpnd/host/file_io.hpp"
#include "vpnd/host/process.hpp"

namespace vpnd::host {
namespace {

constexpr std::size_t kMaxFileSize = std::size_t{16} * 1024;
constexpr std::size_t kMaxAnswerSize = 4096;
constexpr const char* kAskPassword = "/usr/bin/systemd-ask-password";
constexpr std::chrono::hours kAskPatience{24};

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

ChangeResult empty_file(const std::filesystem::path& path, std::string_view what) {
  return {make_error_code(std::errc::invalid_argument), fmt::format("{}: no {} in it", path.string(), what)};
}

std::error_code last_error() {
  return {errno, std::generic_category()};
}

// Turns the terminal's echo off for its lifetime.
class SilentTerminal {
 public:
  SilentTerminal(int fd, Echo echo)
      : fd_(fd), silenced_(echo == Echo::off && ::tcgetattr(fd, &before_) == 0) {
    if (!silenced_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (silenced_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool silenced_;
};

// One line from a descriptor, or an error at its end.
PasswordResult read_answer(int fd) {
  std::array<char, kMaxAnswerSize> buffer{};
  std::size_t size = 0;
  PasswordResult answer{{make_error_code(std::errc::no_message_available), "no answer was given"},
                        std::nullopt};
  while (size < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
    std::string_view text(buffer.data(), size);
    if (text.find('\n') == std::string_view::npos) continue;
    answer = {{}, crypto::SecretString(take_line(text))};
    break;
  }
  crypto::wipe(std::as_writable_bytes(std::span(buffer)));
  return answer;
}

PasswordResult ask_terminal(int terminal, const std::string& prompt, Echo echo) {
  const SilentTerminal silent(terminal, echo);
  const std::string question = prompt + ' ';
  if (::write(terminal, question.data(), question.size()) < 0)
    return {{last_error(), "/dev/tty"}, std::nullopt};
  PasswordResult answer = read_answer(terminal);
  if (echo == Echo::off) (void)!::write(terminal, "\n", 1);
  return answer;
}

PasswordResult ask_systemd(const std::string& prompt, Echo echo) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {{last_error(), "pipe"}, std::nullopt};
  const tunio::UniqueFd answers(ends[0]);
  tunio::UniqueFd child_end(ends[1]);
  auto [result, child] =
      start_process({kAskPassword, "--timeout=0", echo == Echo::on ? "--echo=yes" : "--echo=masked", prompt},
                    {}, child_end.get());
  child_end.reset();
  if (!result.ok()) return {std::move(result), std::nullopt};
  PasswordResult answer = read_answer(answers.get());
  const ExitStatus status = child.wait(kAskPatience);
  if (status.success()) return answer;
  return {
      {make_error_code(std::errc::no_message_available), fmt::format("{} {}", kAskPassword, text(status))},
      std::nullopt};
}

}  // namespace

CredentialsResult read_credentials_file(const std::filesystem::path& path) {
  auto [result, text] = read_text_file(path, kMaxFileSize);
  if (!result.ok()) return {std::move(result), {}};
  std::string_view rest = text;
  Credentials credentials;
  credentials.username = take_line(rest);
  const std::string_view password = take_line(rest);
  if (!password.empty()) credentials.password.emplace(password);
  crypto::wipe(text);
  if (credentials.username.empty()) return {empty_file(path, "user name"), {}};
  return {{}, std::move(credentials)};
}

PasswordResult read_password_file(const std::filesystem::path& path) {
  auto [result, text] = read_text_file(path, kMaxFileSize);
  if (!result.ok()) return {std::move(result), std::nullopt};
  std::string_view rest = text;
  crypto::SecretString password(take_line(rest));
  crypto::wipe(text);
  if (password.empty()) return {empty_file(path, "password"), std::nullopt};
  return {{}, std::move(password)};
}

PasswordResult ask(const std::string& prompt, Echo echo) {
  const tunio::UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal) return ask_terminal(terminal.get(), prompt, echo);
  if (sd_booted() > 0 && ::access(kAskPassword, X_OK) == 0) return ask_systemd(prompt, echo);
  return {{make_error_code(std::errc::no_such_device),
           fmt::format("cannot ask for \"{}\": no terminal and no systemd-ask-password", prompt)},
          std::nullopt};
}

}  // namespace vpnd::host
