// The way of datagrams through a SOCKS 5 proxy (RFC 1928 §7): each carries a header in front that says whom
// it is for, or from whom it is.
//
//   worker's socket ── loopback ── SocksRelay ── header, datagram ── proxy ── datagram ── server
//
// A worker sends runs of datagrams that are nothing but datagrams; what a proxy wants stays out of its way,
// at the price of one more program on the path: a thread, which belongs to the relay.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tunio/udp_socket.hpp"

namespace vpnd::control {

/// In front of what is for `host`, an address or a name of up to 255 bytes.
std::string socks_datagram_header(const std::string& host, std::uint16_t port);

/// What of a proxy's datagram came from the server; nothing if it is malformed or a fragment.
std::optional<std::span<const std::byte>> socks_payload(std::span<const std::byte> datagram) noexcept;

class SocksRelay {
 public:
  /// `outer` says how the socket towards the proxy is to be, with the address at which it takes datagrams as
  /// its remote. Throws std::system_error.
  SocksRelay(std::string header, const tunio::UdpOptions& outer);
  ~SocksRelay();
  SocksRelay(const SocksRelay&) = delete;
  SocksRelay& operator=(const SocksRelay&) = delete;

  /// On loopback: what is sent there goes to the server.
  tunio::Endpoint endpoint() const { return tunio::local_endpoint(inner_); }
  /// Where the proxy takes datagrams.
  const tunio::Endpoint& proxy() const noexcept { return proxy_; }
  std::size_t header_size() const noexcept { return header_.size(); }

  /// Begins to carry what this address on loopback sends, and to send it what comes. Once. Throws
  /// std::system_error.
  void serve(const tunio::Endpoint& worker);

 private:
  void run() noexcept;
  void carry_out() noexcept;
  void carry_in() noexcept;
  std::size_t receive(const tunio::UniqueFd& from) noexcept;
  std::span<std::byte> datagram(std::size_t i) noexcept;

  const std::string header_;
  const tunio::Endpoint proxy_;
  tunio::UniqueFd inner_;
  tunio::UniqueFd outer_;
  tunio::UniqueFd end_;  // an eventfd
  std::vector<std::byte> buffers_;
  std::vector<std::size_t> sizes_;  // of the datagrams that were received last
  std::thread thread_;              // last: it uses the others
};

}  // namespace vpnd::control
