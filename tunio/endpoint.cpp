#include "tunio/endpoint.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <span>

namespace vpnd::tunio {
namespace {

constexpr std::byte kV4MappedPrefix[12] = {
    {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte{0xff}, std::byte{0xff}};

std::optional<std::uint32_t> parse_scope(std::string_view text) {
  std::uint32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc{} && end == text.data() + text.size()) return index;
  index = if_nametoindex(std::string(text).c_str());
  return index != 0 ? std::optional(index) : std::nullopt;
}

}  // namespace

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr* address, socklen_t size) noexcept {
  if (size < sizeof(sa_family_t)) return std::nullopt;
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return Endpoint(IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port));
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    const auto bytes = std::as_bytes(std::span<const std::uint8_t, 16>(v6.sin6_addr.s6_addr));
    return Endpoint(IpAddress::v6(bytes), ntohs(v6.sin6_port), v6.sin6_scope_id);
  }
  return std::nullopt;
}

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr_storage& address, socklen_t size) noexcept {
  return from_sockaddr(reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<Endpoint> Endpoint::from_text(std::string_view address, std::uint16_t port) {
  const auto percent = address.find('%');
  const auto parsed = IpAddress::parse(address.substr(0, percent));
  if (!parsed) return std::nullopt;
  if (percent == std::string_view::npos) return Endpoint(*parsed, port);
  if (!parsed->is_v6()) return std::nullopt;
  const auto scope = parse_scope(address.substr(percent + 1));
  if (!scope) return std::nullopt;
  return Endpoint(*parsed, port, *scope);
}

socklen_t Endpoint::to_sockaddr(int socket_family, sockaddr_storage& out) const noexcept {
  const auto bytes = address_.bytes();
  if (socket_family == AF_INET) {
    if (!address_.is_v4()) return 0;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  v6.sin6_scope_id = scope_;
  if (address_.is_v4()) std::memcpy(v6.sin6_addr.s6_addr, kV4MappedPrefix, sizeof kV4MappedPrefix);
  std::memcpy(v6.sin6_addr.s6_addr + (16 - bytes.size()), bytes.data(), bytes.size());
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

std::string Endpoint::format() const {
  if (address_.is_v4()) return fmt::format("{}:{}", address_.format(), port_);
  if (scope_ != 0) return fmt::format("[{}%{}]:{}", address_.format(), scope_, port_);
  return fmt::format("[{}]:{}", address_.format(), port_);
}

}  // namespace vpnd::tunio

std::size_t std::hash<vpnd::tunio::Endpoint>::operator()(
    const vpnd::tunio::Endpoint& endpoint) const noexcept {
  const std::uint64_t rest = std::uint64_t{endpoint.port()} << 32 | endpoint.scope();
  // An odd multiplier spreads the port over all bits; peers behind one NAT differ in nothing else. Our own
  // address is left out: two of ours that one peer uses are rare.
  return std::hash<vpnd::tunio::IpAddress>{}(endpoint.address()) ^ (rest * 0x9e3779b97f4a7c15u);
}
