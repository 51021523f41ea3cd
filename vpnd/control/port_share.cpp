#include "vpnd/control/port_share.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <asio/connect.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <set>
#include <string>
#include <utility>

#include "proto/opcode.hpp"

namespace vpnd::control {

using asio::ip::tcp;

namespace {

constexpr std::size_t kFirstBytes = 3;
constexpr std::chrono::seconds kPatience{30};  // for the first bytes
constexpr std::size_t kMaxConnections = 512;   // being watched or passed on
constexpr std::size_t kSmallestReset = 14;     // without any wrapping (docs/protocol.md §1)
constexpr std::size_t kLargestReset = 1024 + 255;
constexpr std::size_t kBufferSize = std::size_t{16} * 1024;

}  // namespace

bool begins_like_openvpn(std::span<const std::byte, 3> bytes) noexcept {
  const std::size_t length =
      std::to_integer<std::size_t>(bytes[0]) << 8 | std::to_integer<std::size_t>(bytes[1]);
  const auto first = [](proto::Opcode opcode) { return std::byte(static_cast<unsigned>(opcode) << 3); };
  const bool reset = bytes[2] == first(proto::Opcode::control_hard_reset_client_v2) ||
                     bytes[2] == first(proto::Opcode::control_hard_reset_client_v3);
  return reset && length >= kSmallestReset && length <= kLargestReset;
}

struct PortShare::Shared {
  asio::io_context& context;
  config::PortShareTarget target;
  Accept accept;
  std::set<std::shared_ptr<Connection>> connections;
};

// One connection from outside, and one to the other server once it is known to be for that.
class PortShare::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Shared> shared, tcp::socket outside, const tunio::Endpoint& remote)
      : shared_(std::move(shared)),
        remote_(remote),
        outside_(std::move(outside)),
        inside_(shared_->context),
        resolver_(shared_->context),
        patience_(shared_->context) {}

  void await_first_bytes() {
    // Readable only once there is enough to decide by.
    const int enough = kFirstBytes;
    ::setsockopt(outside_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof enough);
    patience_.expires_after(kPatience);
    patience_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error) self->close();
    });
    outside_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const asio::error_code& error) {
      error ? self->close() : self->decide();
    });
  }

  void close() {
    asio::error_code ignored;
    patience_.cancel();
    resolver_.cancel();
    outside_.close(ignored);
    inside_.close(ignored);
    forget();
  }

 private:
  struct Direction {
    tcp::socket& from;
    tcp::socket& to;
    std::array<char, kBufferSize> buffer{};
  };

  void forget() {
    if (const auto shared = std::exchange(shared_, nullptr)) shared->connections.erase(shared_from_this());
  }

  void decide() {
    if (!shared_) return;
    patience_.cancel();
    std::array<std::byte, kFirstBytes> bytes{};
    const auto got = ::recv(outside_.native_handle(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got != static_cast<ssize_t>(bytes.size())) return close();
    const int any = 1;
    ::setsockopt(outside_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &any, sizeof any);
    if (!begins_like_openvpn(bytes)) return pass_on();
    const auto shared = shared_;
    asio::error_code error;
    tunio::UniqueFd socket(outside_.release(error));
    forget();
    if (!error) shared->accept(std::move(socket), remote_);
  }

  void pass_on() {
    spdlog::debug("{}: passed on to {}:{} (port-share)", remote_.format(), shared_->target.host,
                  shared_->target.port);
    resolver_.async_resolve(shared_->target.host, std::to_string(shared_->target.port),
                            [self = shared_from_this()](const asio::error_code& error, const auto& results) {
                              error ? self->close() : self->connect(results);
                            });
  }

  void connect(const tcp::resolver::results_type& results) {
    asio::async_connect(inside_, results,
                        [self = shared_from_this()](const asio::error_code& error, const tcp::endpoint&) {
                          if (error) return self->close();
                          self->carry(self->inwards_);
                          self->carry(self->outwards_);
                        });
  }

  // Until that side has said all; then the other one hears of it, and the second end closes both.
  void carry(Direction& way) {
    way.from.async_read_some(asio::buffer(way.buffer), [self = shared_from_this(), &way](
                                                           const asio::error_code& error, std::size_t size) {
      if (error) return self->finish(way);
      asio::async_write(way.to, asio::buffer(way.buffer, size),
                        [self, &way](const asio::error_code& failure, std::size_t) {
                          failure ? self->close() : self->carry(way);
                        });
    });
  }

  void finish(Direction& way) {
    asio::error_code ignored;
    way.to.shutdown(tcp::socket::shutdown_send, ignored);
    if (std::exchange(half_closed_, true)) close();
  }

  std::shared_ptr<Shared> shared_;  // none once it is over
  const tunio::Endpoint remote_;
  tcp::socket outside_;
  tcp::socket inside_;
  tcp::resolver resolver_;
  asio::steady_timer patience_;
  Direction inwards_{outside_, inside_};
  Direction outwards_{inside_, outside_};
  bool half_closed_ = false;
};

PortShare::PortShare(asio::io_context& context, const config::PortShareTarget& target, Accept accept)
    : shared_(std::make_shared<Shared>(Shared{context, target, std::move(accept), {}})) {}

PortShare::~PortShare() {
  for (const auto& connection : std::set(shared_->connections)) connection->close();
}

void PortShare::screen(tunio::UniqueFd socket, const tunio::Endpoint& remote) {
  if (shared_->connections.size() >= kMaxConnections) return;
  tcp::socket outside(shared_->context);
  asio::error_code error;
  // A connection that was accepted knows its family itself; a dual-stack listener's are IPv6.
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
  outside.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), socket.get(), error);
  if (error) return;
  (void)socket.release();
  const auto connection = std::make_shared<Connection>(shared_, std::move(outside), remote);
  shared_->connections.insert(connection);
  connection->await_first_bytes();
}

}  // namespace vpnd::control
