#include "vpnd/control/pam_service.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "crypto/secret.hpp"
#include "tunio/unique_fd.hpp"
#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {

namespace {

constexpr std::size_t kMostQuestions = 64;  // under way; each is a process
constexpr std::size_t kLongestAnswer = 1024;
constexpr std::size_t kNumberSize = sizeof(std::uint64_t);

}  // namespace

PamService::PamService(asio::io_context& context, const config::Command& command)
    : context_(context), socket_(context) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  tunio::UniqueFd own(ends[0]);
  tunio::UniqueFd theirs(ends[1]);
  // The helper waits for questions.
  ::fcntl(theirs.get(), F_SETFL, 0);
  host::Started started = host::start_process(command.words, {}, theirs.get());
  if (!started.result.ok()) {
    throw config::ConfigError({command.where, "plugin",
                               started.result.reason + "; build vpnd where libpam0g-dev is installed, or use "
                                                       "auth-user-pass-verify with a program of yours"});
  }
  helper_ = std::move(started.child);
  socket_.assign(own.release());
  hear();
}

std::uint64_t PamService::ask(std::string_view username, std::string_view password,
                              std::string_view common_name, Decided decided) {
  const std::uint64_t number = next_++;
  const bool room = waiting_.size() < kMostQuestions;
  waiting_.emplace(number, std::move(decided));
  std::string question(reinterpret_cast<const char*>(&number), kNumberSize);
  question.reserve(kNumberSize + username.size() + password.size() + common_name.size() + 2);
  question.append(username).push_back('\0');
  question.append(password).push_back('\0');
  question.append(common_name);
  const bool asked =
      room && ::send(socket_.native_handle(), question.data(), question.size(), MSG_NOSIGNAL) >= 0;
  crypto::wipe(question);
  if (!asked) answer_later(number, room ? "the helper is gone or busy" : "too many questions at a time");
  return number;
}

void PamService::answer_later(std::uint64_t number, const std::string& trouble) {
  spdlog::error("vpnd-auth-pam: {}", trouble);
  asio::post(context_, [this, number, trouble] {
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    const Decided decided = std::move(found->second);
    waiting_.erase(found);
    decided(false, trouble);
  });
}

void PamService::hear() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
    if (error) return;
    std::array<char, kLongestAnswer> datagram{};
    const ssize_t size = ::recv(socket_.native_handle(), datagram.data(), datagram.size(), 0);
    if (size == 0) {
      for (const auto& [number, decided] : waiting_) answer_later(number, "the helper has ended");
      return;
    }
    if (size > 0) take_answer({datagram.data(), static_cast<std::size_t>(size)});
    hear();
  });
}

void PamService::take_answer(std::string_view datagram) {
  if (datagram.size() <= kNumberSize) return;
  std::uint64_t number = 0;
  std::memcpy(&number, datagram.data(), kNumberSize);
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  const Decided decided = std::move(found->second);
  waiting_.erase(found);
  decided(datagram[kNumberSize] == '1', std::string(datagram.substr(kNumberSize + 1)));
}

}  // namespace vpnd::control
