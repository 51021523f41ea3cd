// The TCP ports that a server listens at.

#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tunio/endpoint.hpp"
#include "tunio/unique_fd.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/port_share.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class TcpListeners {
 public:
  explicit TcpListeners(asio::io_context& context) : context_(context) {}

  /// Opens one more port. Throws std::system_error.
  void add(const config::Options& options, const config::Listener& listener);

  /// Takes a connection of an OpenVPN client.
  using Take = std::function<void(tunio::UniqueFd socket, const tunio::Endpoint& remote)>;
  /// Whether there is room for one more; else it is closed at once.
  using Admit = std::function<bool()>;
  /// Connections are accepted from now on. With `port-share` those of other kinds go to its server.
  void start(const std::optional<config::PortShareTarget>& shared_with, Admit admit, Take take);
  void stop();

 private:
  struct Acceptor {
    asio::posix::stream_descriptor socket;
  };
  void accept_from(Acceptor& acceptor);
  void accept_one(Acceptor& acceptor);

  asio::io_context& context_;
  std::vector<tunio::UniqueFd> listening_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::optional<PortShare> port_share_;
  Admit admit_;
  Take take_;
};

}  // namespace vpnd::control
