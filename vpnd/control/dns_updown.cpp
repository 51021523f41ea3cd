#include "vpnd/control/dns_updown.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "tunio/unique_fd.hpp"
#include "vpnd/config/helper_path.hpp"
#include "vpnd/control/dns_environment.hpp"

namespace vpnd::control {

namespace {

constexpr std::string_view kHelper = "vpnd-dns-updown";

void log_dns_failure(const hooks::HookResult& result) {
  if (!result.ok()) spdlog::warn("{}", result.failure);
}

}  // namespace

config::Command DnsHook::program() const {
  if (options_.scripts.dns_updown) return *options_.scripts.dns_updown;
  return {{config::helper_path(kHelper).string()}, {}};
}

// As in OpenVPN 2.7: an up script of the user is expected to see to it, unless something else was said.
bool DnsHook::wanted() const {
  const config::ScriptOptions& scripts = options_.scripts;
  if (scripts.dns == config::DnsUpdown::off) return false;
  return scripts.dns_updown || scripts.dns == config::DnsUpdown::forced || !scripts.up;
}

void DnsHook::prepare(asio::io_context& context) {
  const config::ProcessOptions& process = options_.process;
  const bool gives_up = !process.user.empty() || !process.group.empty() || !process.root.empty();
  const bool may_come = options_.mode == config::Mode::client || !options_.tunnel.foreign_options.empty();
  if (!gives_up || !may_come || !wanted()) return;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  tunio::UniqueFd own(ends[0]);
  const tunio::UniqueFd theirs(ends[1]);
  std::vector<std::string> words{config::helper_path(kHelper).string(), "serve"};
  const config::Command served = program();
  words.insert(words.end(), served.words.begin(), served.words.end());
  host::Started started = host::start_process(words, {}, theirs.get());
  if (!started.result.ok()) return spdlog::warn("dns-updown: {}", started.result.reason);
  helper_ = std::move(started.child);
  socket_ = std::make_unique<asio::posix::stream_descriptor>(context, own.release());
}

void DnsHook::set(const std::vector<std::string>& settings, const std::string& device, Wait wait, Done done) {
  host::ScriptEnvironment environment = dns_environment(settings);
  if (environment.variables().empty() || !wanted()) return done();
  environment.set("dev", device);
  in_force_ = std::move(environment);
  call("dns-up", wait, std::move(done));
}

void DnsHook::unset(Wait wait, Done done) {
  if (!in_force_) return done();
  call("dns-down", wait, std::move(done));
  in_force_.reset();
}

void DnsHook::call(std::string_view kind, Wait wait, Done done) {
  hooks::HookCall made{hooks::Hook::dns_updown, program(), {}, *in_force_};
  made.environment.set("script_type", kind);
  if (socket_) return ask_helper(made, wait, std::move(done));
  if (wait == Wait::yes) {
    log_dns_failure(hooks::HookRunner::run_now(made));
    return done();
  }
  runner_.run(made, [done = std::move(done)](const hooks::HookResult& result) {
    log_dns_failure(result);
    done();
  });
}

void DnsHook::ask_helper(const hooks::HookCall& call, Wait wait, Done done) {
  std::string request;
  for (const auto& [name, value] : call.environment.variables())
    request += fmt::format("{}={}\n", name, value);
  request += ".\n";
  if (::send(socket_->native_handle(), request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(request.size())) {
    spdlog::warn("dns-updown: the helper is gone or busy");
    return done();
  }
  if (wait == Wait::no) return await_answer(std::move(done));
  pollfd readable{socket_->native_handle(), POLLIN, 0};
  const auto patience = std::chrono::milliseconds(hooks::patience(call.hook));
  if (::poll(&readable, 1, static_cast<int>(patience.count())) == 1) return take_answer(done);
  spdlog::warn("dns-updown: the helper takes too long");
  done();
}

void DnsHook::await_answer(Done done) {
  socket_->async_wait(asio::posix::stream_descriptor::wait_read,
                      [this, done = std::move(done)](const asio::error_code& error) {
                        if (!error) take_answer(done);
                      });
}

void DnsHook::take_answer(const Done& done) {
  std::array<char, 16> answer{};
  const ssize_t size = ::recv(socket_->native_handle(), answer.data(), answer.size(), MSG_DONTWAIT);
  const std::string_view status(answer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (status.empty()) {
    spdlog::warn("dns-updown: the helper has ended");
  } else if (status != "0\n") {
    spdlog::warn("dns-updown: {} exited with status {}", program().words.front(),
                 status.substr(0, status.find('\n')));
  }
  done();
}

}  // namespace vpnd::control
