#include "vpnd/control/tcp_listeners.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <utility>

#include "tunio/tcp_socket.hpp"
#include "vpnd/control/socket_setup.hpp"

namespace vpnd::control {

void TcpListeners::add(const config::Options& options, const config::Listener& listener) {
  auto socket = tunio::listen_tcp(tcp_listen_options(options, listener));
  spdlog::info("Listening for incoming TCP connection on {}", tunio::local_endpoint(socket).format());
  listening_.push_back(std::move(socket));
}

void TcpListeners::start(const std::optional<config::PortShareTarget>& shared_with, Admit admit, Take take) {
  admit_ = std::move(admit);
  take_ = std::move(take);
  if (shared_with) port_share_.emplace(context_, *shared_with, take_);
  for (tunio::UniqueFd& socket : listening_) {
    acceptors_.push_back(
        std::make_unique<Acceptor>(Acceptor{asio::posix::stream_descriptor(context_, socket.release())}));
    accept_from(*acceptors_.back());
  }
}

void TcpListeners::stop() {
  acceptors_.clear();
  port_share_.reset();
}

void TcpListeners::accept_from(Acceptor& acceptor) {
  acceptor.socket.async_wait(asio::posix::stream_descriptor::wait_read,
                             [this, &acceptor](const asio::error_code& error) {
                               if (error) return;
                               accept_one(acceptor);
                               accept_from(acceptor);
                             });
}

void TcpListeners::accept_one(Acceptor& acceptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  tunio::UniqueFd socket(::accept4(acceptor.socket.native_handle(), reinterpret_cast<sockaddr*>(&address),
                                   &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const auto remote = tunio::Endpoint::from_sockaddr(address, size);
  if (!socket || !remote || !admit_()) return;
  if (port_share_) {
    port_share_->screen(std::move(socket), *remote);
  } else {
    take_(std::move(socket), *remote);
  }
}

}  // namespace vpnd::control
