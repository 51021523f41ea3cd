// `port-share`: a TCP port that OpenVPN clients and another server share. Connections that do not begin as an
// OpenVPN client does are passed on to that server.

#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <span>

#include "tunio/endpoint.hpp"
#include "tunio/unique_fd.hpp"
#include "vpnd/config/role_options.hpp"

namespace vpnd::control {

/// Whether these first three bytes of a stream are those of an OpenVPN client: the length of a first packet,
/// and its opcode with key id 0.
bool begins_like_openvpn(std::span<const std::byte, 3> bytes) noexcept;

/// Belongs to the control thread. Connections that were passed on end with it.
class PortShare {
 public:
  /// Takes a connection that belongs to an OpenVPN client.
  using Accept = std::function<void(tunio::UniqueFd socket, const tunio::Endpoint& remote)>;

  PortShare(asio::io_context& context, const config::PortShareTarget& target, Accept accept);
  ~PortShare();

  /// Waits for the first bytes of a connection and then decides; closes one that says nothing for half a
  /// minute, and one more than can be watched at a time.
  void screen(tunio::UniqueFd socket, const tunio::Endpoint& remote);

 private:
  struct Shared;
  class Connection;

  std::shared_ptr<Shared> shared_;
};

}  // namespace vpnd::control
