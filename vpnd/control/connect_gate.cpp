#include "vpnd/control/connect_gate.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <asio/post.hpp>
#include <utility>

namespace vpnd::control {

std::string_view protocol_name(const config::Protocol& protocol) {
  const bool udp = protocol.transport == config::Transport::udp;
  switch (protocol.family) {
    case config::AddressFamily::ipv4:
      return udp ? "udp4" : "tcp4-client";
    case config::AddressFamily::ipv6:
      return udp ? "udp6" : "tcp6-client";
    case config::AddressFamily::any:
      break;
  }
  return udp ? "udp" : "tcp-client";
}

void ConnectGate::pass(std::chrono::seconds pause, std::function<void(const config::Remote&)> open) {
  forget();
  open_ = std::move(open);
  if (management_ == nullptr || !management_->hold()) return wait(pause);
  management_->await_release(pause.count(), [this] { then(&ConnectGate::ask_certificate); });
  spdlog::info("Need hold release from management interface, waiting...");
}

void ConnectGate::forget() {
  ++round_;
  pause_.cancel();
  open_ = nullptr;
  if (management_ != nullptr) management_->withdraw();
}

// From the io_context, so that a command is answered before what follows from it happens.
void ConnectGate::then(void (ConnectGate::*step)()) {
  asio::post(context_, [this, step, round = round_] {
    if (round == round_) (this->*step)();
  });
}

void ConnectGate::wait(std::chrono::seconds pause) {
  if (pause.count() > 0) spdlog::info("Restart pause, {} second(s)", pause.count());
  pause_.expires_after(pause);
  pause_.async_wait([this, round = round_](const asio::error_code& error) {
    if (!error && round == round_) ask_certificate();
  });
}

void ConnectGate::ask_certificate() {
  if (identity_ == nullptr || !identity_->lacks_certificate()) return ask_credentials();
  management_->ask_certificate(options_.management.external_certificate, [this](const std::string& pem) {
    const bool taken = identity_->take_certificate(pem);
    then(taken ? &ConnectGate::ask_credentials : &ConnectGate::ask_certificate);
  });
  if (!management_->anybody()) spdlog::info("Need certificate from management interface, waiting...");
}

void ConnectGate::ask_credentials() {
  using Kind = management::Question::Kind;
  const bool ask = management_ != nullptr && management_->options().query_passwords;
  if (!ask || !credentials_.missing()) return ask_remote();
  const bool named = credentials_.configured_name().has_value();
  management::Question question{named ? Kind::password : Kind::user_and_password, "Auth", ""};
  if (const auto& challenge = options_.client.static_challenge) {
    question.kind = Kind::user_and_password;
    question.text = fmt::format(" SC:{},{}", challenge->echo ? 1 : 0, challenge->question);
  }
  management_->ask(std::move(question), [this](management::Answer&& answer) {
    credentials_.set(std::move(answer.username), std::move(answer.text));
    then(&ConnectGate::ask_remote);
  });
  if (!management_->anybody()) spdlog::info("Need password(s) from management interface, waiting...");
}

void ConnectGate::ask_remote() {
  remote_ = remotes_.current();
  if (management_ == nullptr || !management_->options().query_remote) return ask_proxy();
  management_->ask_remote(remote_.host, remote_.port, protocol_name(remote_.protocol),
                          [this](const management::RemoteChoice& choice) {
                            using Kind = management::RemoteChoice::Kind;
                            if (choice.kind == Kind::skip) {
                              for (unsigned i = 0; i < choice.count % remotes_.all().size(); ++i)
                                remotes_.advance();
                              return then(&ConnectGate::ask_remote);
                            }
                            if (choice.kind == Kind::modify) {
                              remote_.host = choice.host;
                              remote_.port = choice.port;
                            }
                            then(&ConnectGate::ask_proxy);
                          });
}

void ConnectGate::ask_proxy() {
  if (management_ == nullptr || !management_->options().query_proxy) return finish();
  const bool udp = remote_.protocol.transport == config::Transport::udp;
  management_->ask_proxy(
      udp ? "UDP" : "TCP", remote_.host, [this, udp](const management::ProxyChoice& choice) {
        using Kind = management::ProxyChoice::Kind;
        remote_.link.proxy.reset();
        if (choice.kind == Kind::http && udp) {
          spdlog::warn("an HTTP proxy carries TCP only: the server is reached directly");
        } else if (choice.kind != Kind::none) {
          config::ProxyOptions proxy;
          proxy.kind = choice.kind == Kind::http ? config::ProxyKind::http : config::ProxyKind::socks5;
          proxy.host = choice.host;
          proxy.port = choice.port;
          remote_.link.proxy = std::move(proxy);
        }
        then(&ConnectGate::finish);
      });
}

void ConnectGate::finish() {
  const auto open = std::exchange(open_, nullptr);
  if (open) open(remote_);
}

}  // namespace vpnd::control
