#include "bench/traffic/web.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <thread>

#include "bench/traffic/output.hpp"

namespace vpnd::bench {

namespace {

constexpr std::size_t kLargestRequest = 8192;
constexpr std::string_view kEndOfRequest = "\r\n\r\n";

// One client's connection, in a thread of its own.
class Connection {
 public:
  Connection(Socket socket, int object, std::size_t size)
      : socket_(std::move(socket)), object_(object), size_(size) {}

  void run() {
    while (read_request() && answer()) continue;
  }

 private:
  // False when the client has gone, or sends what is not a request of ours.
  bool read_request() {
    std::array<char, 2048> part;
    std::size_t end = 0;
    while ((end = pending_.find(kEndOfRequest)) == std::string::npos) {
      const ssize_t got = recv(socket_.fd(), part.data(), part.size(), 0);
      if (got <= 0 || pending_.size() > kLargestRequest) return false;
      pending_.append(part.data(), static_cast<std::size_t>(got));
    }
    const bool is_get = pending_.starts_with("GET ");
    pending_.erase(0, end + kEndOfRequest.size());
    return is_get;
  }

  bool answer() {
    // HTTP/1.0 clients such as ab want to be told that the connection stays.
    const std::string header =
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
        std::to_string(size_) + "\r\nConnection: Keep-Alive\r\n\r\n";
    if (send(socket_.fd(), header.data(), header.size(), MSG_MORE) != static_cast<ssize_t>(header.size()))
      return false;
    off_t offset = 0;
    while (static_cast<std::size_t>(offset) < size_) {
      if (sendfile(socket_.fd(), object_, &offset, size_ - static_cast<std::size_t>(offset)) <= 0)
        return false;
    }
    return true;
  }

  Socket socket_;
  int object_;
  std::size_t size_;
  std::string pending_;  // what has been received and not answered
};

int make_object(std::size_t size) {
  const int fd = memfd_create("object", MFD_CLOEXEC);
  if (fd < 0) fail("memfd_create");
  const std::string block(1 << 16, 'x');
  for (std::size_t left = size; left > 0;) {
    const ssize_t written = write(fd, block.data(), std::min(left, block.size()));
    if (written <= 0) fail("write to the object");
    left -= static_cast<std::size_t>(written);
  }
  return fd;
}

}  // namespace

void serve(const Endpoint& at, std::size_t size) {
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) fail("signal");
  const int object = make_object(size);
  const Socket listener = Socket::listening(at);
  say("ready");
  for (;;) {
    const int fd = accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) fail("accept");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread([object, size](Socket socket) { Connection(std::move(socket), object, size).run(); },
                Socket(fd))
        .detach();
  }
}

}  // namespace vpnd::bench
