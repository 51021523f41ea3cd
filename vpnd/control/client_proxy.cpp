// How a client reaches its server through a proxy: the talk with the proxy over a connection that
// client_connect.cpp has opened, then that connection itself, or a relay of datagrams beside it.

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "tunio/udp_socket.hpp"
#include "vpnd/control/client.hpp"
#include "vpnd/control/socket_setup.hpp"

namespace vpnd::control {

void Client::begin_proxy_dialogue(tunio::UniqueFd socket) {
  spdlog::info("Asking the proxy {} for a way to {}:{}", connecting_to_.format(), remote_.host, remote_.port);
  const bool datagrams = remote_.protocol.transport == config::Transport::udp;
  proxy_dialogue_.emplace(*remote_.link.proxy, host_name_to_try(), remote_.port,
                          datagrams ? ProxyDialogue::Wanted::datagrams : ProxyDialogue::Wanted::connection);
  connecting_.emplace(context_, socket.release());
  if (!send_to_proxy()) return proxy_failed("the connection was closed");
  await_proxy();
}

// A few hundred bytes to a connection that is idle go out whole.
bool Client::send_to_proxy() {
  const crypto::SecretString output = proxy_dialogue_->take_output();
  const std::string_view bytes = output.expose();
  if (bytes.empty()) return true;
  const auto sent = ::send(connecting_->native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

void Client::await_proxy() {
  connecting_->async_wait(asio::posix::stream_descriptor::wait_read,
                          [this, attempt = attempt_](const asio::error_code& error) {
                            if (!error && attempt == attempt_) hear_proxy();
                          });
}

void Client::hear_proxy() {
  std::array<char, 2048> bytes{};
  const auto size = ::recv(connecting_->native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return await_proxy();
  if (size <= 0) return proxy_failed("the connection was closed");
  proxy_dialogue_->receive({bytes.data(), static_cast<std::size_t>(size)});
  switch (proxy_dialogue_->state()) {
    case ProxyDialogue::State::refused:
      return proxy_failed(proxy_dialogue_->reason());
    case ProxyDialogue::State::talking:
      if (!send_to_proxy()) return proxy_failed("the connection was closed");
      return await_proxy();
    case ProxyDialogue::State::open:
      break;
  }
  const tunio::Endpoint relay = proxy_dialogue_->relay();
  proxy_dialogue_.reset();
  tunio::UniqueFd socket(connecting_->release());
  connecting_.reset();
  const bool datagrams = remote_.protocol.transport == config::Transport::udp;
  datagrams ? begin_over_relay(std::move(socket), relay) : hand_over_connection(std::move(socket));
}

// The worker sends to a relay on loopback as if that were the server.
void Client::begin_over_relay(tunio::UniqueFd association, tunio::Endpoint proxy) {
  if (proxy.address().is_unspecified()) proxy = tunio::Endpoint(connecting_to_.address(), proxy.port());
  tunnel_->keep_server_reachable(proxy.address());
  try {
    relay_ = std::make_unique<SocksRelay>(socks_datagram_header(host_name_to_try(), remote_.port),
                                          relay_udp_options(options_, remote_, proxy));
    auto socket = tunio::open_udp_socket(loopback_udp_options(options_, relay_->endpoint()));
    relay_->serve(tunio::local_endpoint(socket));
    transport_.reset(::dup(socket.get()));
    data_plane_->post_to(kSessionWorker, dataplane::ReplaceUdp{std::move(socket)});
  } catch (const std::system_error& error) {
    relay_.reset();
    return proxy_failed(error.what());
  }
  spdlog::info("UDP link remote: {}:{} by the proxy at {}", remote_.host, remote_.port, proxy.format());
  association_.emplace(context_, association.release());
  await_end_of_association();
  begin_session({relay_->endpoint(), std::nullopt});
}

// The proxy says nothing there any more; the way for datagrams ends with the connection (RFC 1928 §7).
void Client::await_end_of_association() {
  association_->async_wait(
      asio::posix::stream_descriptor::wait_read, [this, attempt = attempt_](const asio::error_code& error) {
        if (error || attempt != attempt_) return;
        std::array<char, 256> ignored{};
        const auto size = ::recv(association_->native_handle(), ignored.data(), ignored.size(), MSG_DONTWAIT);
        const bool goes_on = size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
        if (goes_on) return await_end_of_association();
        reconnect(RestartCause::connection_reset, "the proxy has ended the association", Next::next_remote);
      });
}

// As others are told of it: a proxy instead of the server, and never our own relay.
tunio::Endpoint Client::server_endpoint() const {
  return relay_ ? relay_->proxy() : session_->link().endpoint;
}

void Client::proxy_failed(const std::string& reason) {
  spdlog::warn("proxy {}: {}", connecting_to_.format(), reason);
  proxy_dialogue_.reset();
  connecting_.reset();
  try_next_address();
}

}  // namespace vpnd::control
