#include "vpnd/management/socket_server.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "tunio/endpoint.hpp"
#include "vpnd/config/diagnostic.hpp"
#include "vpnd/management/session.hpp"

namespace vpnd::management {

namespace {

constexpr int kBacklog = 8;
constexpr mode_t kSocketUmask = S_IXUSR | S_IXGRP | S_IRWXO;  // of the unix socket, as stock makes it

std::string reason_of(int error) {
  return std::system_category().message(error);
}

}  // namespace

// One client's socket. Lives until drop(), and as long as a handler of it is pending.
class SocketServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(SocketServer& owner, tunio::UniqueFd socket)
      : owner_(&owner), socket_(owner.context_, socket.release()) {}

  void start() {
    session_.emplace(owner_->shared_, [this] { flush_soon(); });
    read_next();
  }
  // Sends what it can and lets go of the session.
  void close() {
    if (session_ && !session_->overflowed()) send_some();
    owner_ = nullptr;
    session_.reset();
    asio::error_code ignored;
    socket_.close(ignored);
  }

 private:
  void read_next() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const asio::error_code& error) {
                         if (!error && self->owner_ != nullptr) self->read_some();
                       });
  }

  void read_some() {
    std::array<char, 4096> buffer;
    const ssize_t got = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    const bool nothing_yet = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (got > 0) {
      session_->receive({buffer.data(), static_cast<std::size_t>(got)});
      crypto::wipe(std::as_writable_bytes(std::span(buffer)));
    } else if (!nothing_yet) {
      return owner_->drop(*this);
    }
    if (session_->ended()) return flush_soon();
    read_next();
  }

  // Not at once: whoever has something to say may be going through all sessions.
  void flush_soon() {
    if (std::exchange(flushing_, true)) return;
    asio::post(owner_->context_, [self = shared_from_this()] { self->flush(); });
  }

  void flush() {
    flushing_ = false;
    if (owner_ == nullptr) return;
    const bool working = session_->overflowed() ? false : send_some();
    if (!working || (session_->ended() && waiting_.empty())) return owner_->drop(*this);
    if (waiting_.empty()) return;
    flushing_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [self = shared_from_this()](const asio::error_code& error) {
                         if (!error) self->flush();
                       });
  }

  // False when the connection is broken. What does not go out now stays in `waiting_`.
  bool send_some() {
    if (waiting_.empty()) waiting_ = session_->take_output();
    while (!waiting_.empty()) {
      const ssize_t sent =
          ::send(socket_.native_handle(), waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      waiting_.erase(0, static_cast<std::size_t>(sent));
      if (waiting_.empty()) waiting_ = session_->take_output();
    }
    return true;
  }

  SocketServer* owner_;  // none: closed
  asio::posix::stream_descriptor socket_;
  std::optional<Session> session_;
  std::string waiting_;
  bool flushing_ = false;
};

SocketServer::SocketServer(asio::io_context& context, const config::ManagementOptions& options,
                           Interface& shared)
    : context_(context), options_(options), shared_(shared), ticker_(context) {
  const auto fail = [&](const std::string& word, const std::string& text) {
    throw config::ConfigError({*options_.where, word, text});
  };
  if (!options.client_user.empty()) {
    const passwd* user = ::getpwnam(options.client_user.c_str());
    user != nullptr ? void(user_ = user->pw_uid) : fail(options.client_user, "there is no such user");
  }
  if (!options.client_group.empty()) {
    const group* group = ::getgrnam(options.client_group.c_str());
    group != nullptr ? void(group_ = group->gr_gid) : fail(options.client_group, "there is no such group");
  }
  open();
  tick();
}

SocketServer::~SocketServer() {
  for (const auto& connection : connections_) connection->close();
  if (made_path_) ::unlink(options_.address.c_str());
}

void SocketServer::open() {
  tunio::UniqueFd socket = open_socket();
  if (options_.connect) {
    spdlog::info("MANAGEMENT: Connected to management server at {}", options_.address);
    return take(std::move(socket));
  }
  listening_.emplace(context_, socket.release());
  accept_next();
}

tunio::UniqueFd SocketServer::open_socket() {
  const auto fail = [&](std::string_view what) {
    throw config::ConfigError(
        {*options_.where, options_.address, fmt::format("{}: {}", what, reason_of(errno))});
  };
  sockaddr_storage storage{};
  socklen_t size = 0;
  const bool unix_socket = options_.port == 0;
  if (unix_socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, options_.address.c_str(),
                std::min(options_.address.size(), sizeof address.sun_path - 1));
    std::memcpy(&storage, &address, sizeof address);
    size = sizeof address;
  } else {
    const auto endpoint = tunio::Endpoint::from_text(options_.address, options_.port);
    size = endpoint->to_sockaddr(endpoint->family(), storage);
  }
  tunio::UniqueFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("no socket for the management interface");
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  if (options_.connect) {
    if (::connect(socket.get(), address, size) != 0) fail("cannot connect to the management client");
    if (!may_talk(socket.get())) fail("the other end is not who management-client-user and -group want");
    return socket;
  }
  if (unix_socket) {
    struct stat found {};
    if (::lstat(options_.address.c_str(), &found) == 0 && S_ISSOCK(found.st_mode))
      ::unlink(options_.address.c_str());
  } else {
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  const mode_t former = ::umask(kSocketUmask);
  const int bound = ::bind(socket.get(), address, size);
  const int error = errno;
  ::umask(former);
  errno = error;
  if (bound != 0) fail("cannot listen there for management clients");
  made_path_ = unix_socket;
  if (::listen(socket.get(), kBacklog) != 0) fail("cannot listen there for management clients");
  spdlog::info("MANAGEMENT: {} listening on {}", unix_socket ? "unix domain socket" : "TCP Socket",
               unix_socket ? options_.address
                           : fmt::format("[AF_INET{}]{}:{}", storage.ss_family == AF_INET6 ? "6" : "",
                                         options_.address, options_.port));
  return socket;
}

void SocketServer::accept_next() {
  listening_->async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
    if (error) return;
    accept_one();
    accept_next();
  });
}

void SocketServer::accept_one() {
  tunio::UniqueFd socket(
      ::accept4(listening_->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket || !may_talk(socket.get())) return;
  if (connections_.size() >= kMaxConnections) {
    spdlog::warn("MANAGEMENT: {} clients are connected already, and no more are taken", kMaxConnections);
    return;
  }
  spdlog::debug("MANAGEMENT: Client connected from {}", options_.address);
  take(std::move(socket));
}

void SocketServer::take(tunio::UniqueFd socket) {
  auto connection = std::make_shared<Connection>(*this, std::move(socket));
  connections_.push_back(connection);
  connection->start();
}

bool SocketServer::may_talk(int socket) const {
  if (!user_ && !group_) return true;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if ((!user_ || peer.uid == *user_) && (!group_ || peer.gid == *group_)) return true;
  spdlog::warn("MANAGEMENT: unix domain socket client connection rejected -- it is of user {} and group {}",
               peer.uid, peer.gid);
  errno = EPERM;
  return false;
}

void SocketServer::drop(Connection& connection) {
  const auto kept = connection.shared_from_this();
  if (std::erase(connections_, kept) == 0) return;
  connection.close();
  spdlog::debug("MANAGEMENT: Client disconnected");
  if (options_.connect && other_end_left_) other_end_left_();
}

void SocketServer::tick() {
  ticker_.expires_after(std::chrono::seconds(1));
  ticker_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    shared_.tick();
    tick();
  });
}

}  // namespace vpnd::management
