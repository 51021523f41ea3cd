#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tunio/ip_address.hpp"

namespace vpnd::tunio {

/// The IP address and port of the other end of a UDP or TCP conversation, and where it matters the address of
/// ours that the conversation is held with.
/// An IPv4 address mapped into IPv6 (::ffff:a.b.c.d) is turned into plain IPv4 on the way in, so that one
/// peer has one Endpoint whichever socket it was seen on. A value type without allocation: cheap to copy,
/// compare and hash.
class Endpoint {
 public:
  /// 0.0.0.0, port 0: names nobody.
  constexpr Endpoint() = default;
  /// `scope`: interface index, for link-local IPv6 addresses only.
  Endpoint(const IpAddress& address, std::uint16_t port, std::uint32_t scope = 0) noexcept
      : address_(address.without_v4_mapping()), port_(port), scope_(address_.is_v6() ? scope : 0) {}

  /// Nothing if the family is neither AF_INET nor AF_INET6 or `size` is too small for it.
  static std::optional<Endpoint> from_sockaddr(const sockaddr* address, socklen_t size) noexcept;
  static std::optional<Endpoint> from_sockaddr(const sockaddr_storage& address, socklen_t size) noexcept;

  /// Parses a numeric address: "192.0.2.1", "2001:db8::1", "fe80::1%eth0". Never asks DNS.
  static std::optional<Endpoint> from_text(std::string_view address, std::uint16_t port);

  /// Fills `out` for a socket of `socket_family`; an IPv4 endpoint becomes v4-mapped for an AF_INET6 socket.
  /// Returns the length, or 0 when such a socket cannot reach this endpoint (IPv6 from an AF_INET socket).
  socklen_t to_sockaddr(int socket_family, sockaddr_storage& out) const noexcept;

  /// The same end, met at this address of ours: what is sent to it leaves with that as its source
  /// (UdpOptions::note_local_address). Unspecified: the kernel chooses.
  Endpoint met_at(const IpAddress& local) const noexcept {
    Endpoint endpoint = *this;
    endpoint.local_ = local.without_v4_mapping();
    return endpoint;
  }

  const IpAddress& address() const noexcept { return address_; }
  std::uint16_t port() const noexcept { return port_; }    // host order
  std::uint32_t scope() const noexcept { return scope_; }  // 0: none
  const IpAddress& local() const noexcept { return local_; }
  int family() const noexcept { return address_.is_v4() ? AF_INET : AF_INET6; }

  /// "1.2.3.4:5678", "[2001:db8::1]:5678", "[fe80::1%2]:5678".
  std::string format() const;

  bool operator==(const Endpoint&) const = default;

 private:
  IpAddress address_;
  IpAddress local_;
  std::uint16_t port_ = 0;  // here it fills a gap
  std::uint32_t scope_ = 0;
};

}  // namespace vpnd::tunio

template <>
struct std::hash<vpnd::tunio::Endpoint> {
  std::size_t operator()(const vpnd::tunio::Endpoint& endpoint) const noexcept;
};
