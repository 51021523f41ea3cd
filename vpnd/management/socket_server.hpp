// The sockets of the management interface: listens over TCP or on a unix socket, or connects to one
// (management-client), and carries lines between each connection and its Session.

#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tunio/unique_fd.hpp"
#include "vpnd/management/interface.hpp"

namespace vpnd::management {

/// Belongs to the control thread.
class SocketServer {
 public:
  static constexpr std::size_t kMaxConnections = 16;

  /// Opens the socket. Throws config::ConfigError when that is not possible, or a user or group is unknown.
  SocketServer(asio::io_context& context, const config::ManagementOptions& options, Interface& shared);
  /// Sends what still waits, as far as it can be had at once, and closes everything.
  ~SocketServer();

  /// management-client: called when the other end has closed the connection.
  void on_other_end_left(std::function<void()> handler) { other_end_left_ = std::move(handler); }

 private:
  class Connection;

  void open();
  tunio::UniqueFd open_socket();
  void accept_next();
  void accept_one();
  void take(tunio::UniqueFd socket);
  bool may_talk(int socket) const;
  void drop(Connection& connection);
  void tick();

  asio::io_context& context_;
  const config::ManagementOptions& options_;
  Interface& shared_;
  std::optional<unsigned> user_;  // who may be at the other end of a unix socket
  std::optional<unsigned> group_;
  std::optional<asio::posix::stream_descriptor> listening_;
  bool made_path_ = false;
  std::vector<std::shared_ptr<Connection>> connections_;
  asio::steady_timer ticker_;
  std::function<void()> other_end_left_;
};

}  // namespace vpnd::management
