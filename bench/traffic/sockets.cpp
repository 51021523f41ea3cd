#include "bench/traffic/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace vpnd::bench {

namespace {

constexpr int kBufferBytes = 4 << 20;  // so that the socket is the last thing to overflow
constexpr int kBacklog = 128;

void set(int fd, int option, int value) {
  if (setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) < 0) fail("setsockopt");
}

// Beyond the system's limit for root, up to the limit for others.
void set_buffer(int fd, int forced, int plain) {
  const int bytes = kBufferBytes;
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0) set(fd, plain, bytes);
}

Socket open(int family, int type) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return Socket(fd);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  return error == std::errc{} && rest == end ? std::optional(port) : std::nullopt;
}

}  // namespace

void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Endpoint Endpoint::parse(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  Endpoint endpoint;
  const auto port =
      colon == std::string::npos ? std::nullopt : parse_port(std::string_view(text).substr(colon + 1));
  if (port &&
      (bracketed ? endpoint.set_v6(host.substr(1, host.size() - 2), *port) : endpoint.set_v4(host, *port))) {
    return endpoint;
  }
  throw std::invalid_argument(text + ": expected ADDRESS:PORT or [IPV6]:PORT");
}

bool Endpoint::set_v4(const std::string& host, std::uint16_t port) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  size = sizeof v4;
  return inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1;
}

bool Endpoint::set_v6(const std::string& host, std::uint16_t port) {
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  size = sizeof v6;
  return inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1;
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

Socket Socket::connected(const Endpoint& to) {
  Socket socket = open(to.storage.ss_family, SOCK_DGRAM);
  set_buffer(socket.fd(), SO_SNDBUFFORCE, SO_SNDBUF);
  if (connect(socket.fd(), to.address(), to.size) < 0) fail("connect");
  return socket;
}

Socket Socket::bound(const Endpoint& at) {
  Socket socket = open(at.storage.ss_family, SOCK_DGRAM);
  set_buffer(socket.fd(), SO_RCVBUFFORCE, SO_RCVBUF);
  set(socket.fd(), SO_RXQ_OVFL, 1);
  if (bind(socket.fd(), at.address(), at.size) < 0) fail("bind");
  return socket;
}

Socket Socket::listening(const Endpoint& at) {
  Socket socket = open(at.storage.ss_family, SOCK_STREAM);
  set(socket.fd(), SO_REUSEADDR, 1);
  if (bind(socket.fd(), at.address(), at.size) < 0) fail("bind");
  if (listen(socket.fd(), kBacklog) < 0) fail("listen");
  return socket;
}

void sharpen_timers() {
  if (prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) < 0) fail("timer slack");
}

}  // namespace vpnd::bench
