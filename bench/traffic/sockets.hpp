// Sockets of the generator and its counterparts.

#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <utility>

namespace vpnd::bench {

// Throws std::system_error with errno.
[[noreturn]] void fail(const std::string& what);

class Endpoint {
 public:
  // Reads "192.0.2.1:5000" or "[fd00::1]:5000"; throws std::invalid_argument with the text that is neither.
  static Endpoint parse(const std::string& text);

  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;

 private:
  // False when the text is not an address of this family.
  bool set_v4(const std::string& host, std::uint16_t port);
  bool set_v6(const std::string& host, std::uint16_t port);
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  // A UDP socket that sends to `to` and hears nobody else.
  static Socket connected(const Endpoint& to);
  // A UDP socket that receives at `at`.
  static Socket bound(const Endpoint& at);
  // A TCP socket that accepts connections at `at`.
  static Socket listening(const Endpoint& at);

  int fd() const { return fd_; }

 private:
  int fd_;
};

// Takes the slack out of the timers of this thread, so that a sleep of 200 µs takes about 200 µs.
void sharpen_timers();

}  // namespace vpnd::bench
