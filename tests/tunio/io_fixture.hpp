#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/io_probe.hpp"
#include "tunio/udp_socket.hpp"

namespace vpnd::tunio::test {

using Bytes = std::vector<std::byte>;
inline constexpr std::chrono::seconds kPatience{
    10};  // fails a test that would hang; never waited out by one that passes

/// `size` bytes that differ from place to place and from seed to seed.
inline Bytes pattern(std::size_t size, unsigned seed = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>((i * 7 + i / 251 + seed * 31) & 0xff);
  return bytes;
}

inline Bytes to_bytes(std::span<const std::byte> span) {
  return {span.begin(), span.end()};
}

/// Every test of the event loop runs with both engines: they are to behave alike.
class BothEngines : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam() != Engine::io_uring) return;
    const IoCapabilities capabilities = probe_uring();
    if (const Capability* missing = capabilities.missing_for_uring()) {
      GTEST_SKIP() << "no io_uring engine here: " << missing->reason;
    }
  }

  std::unique_ptr<BatchIo> make(IoConfig config) {
    config.engine = GetParam();
    std::string why;
    return make_batch_io(std::move(config), why);
  }

  Buffer filled(std::span<const std::byte> bytes) {
    Buffer buffer = pool_.take();
    EXPECT_TRUE(buffer);
    std::copy(bytes.begin(), bytes.end(), buffer.data());
    return buffer;
  }

  BufferPool pool_{256};
};

inline std::string engine_name(const ::testing::TestParamInfo<Engine>& info) {
  return info.param == Engine::io_uring ? "IoUring" : "Epoll";
}

/// A loopback socket of a test itself: blocking with a time limit, without GRO.
class Correspondent {
 public:
  Correspondent() : socket_(open_udp_socket(options())) {}

  Endpoint endpoint() const { return local_endpoint(socket_); }
  const UniqueFd& socket() const { return socket_; }

  void sends(const Endpoint& to, std::span<const std::byte> bytes) {
    sockaddr_storage address{};
    const socklen_t size = to.to_sockaddr(AF_INET, address);
    ASSERT_EQ(
        ::sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&address), size),
        static_cast<ssize_t>(bytes.size()));
  }

  /// The next datagram; empty after a time without one.
  Bytes receives() {
    Bytes bytes(65536);
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    ::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return bytes;
  }

  bool has_nothing() const {
    std::byte byte;
    return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }

  static UdpOptions options() {
    UdpOptions options;
    options.local = Endpoint::from_text("127.0.0.1", 0);
    options.gro = false;
    return options;
  }

 private:
  UniqueFd socket_;
};

/// Two ends of a Unix socket that keeps packet boundaries: one end plays the tun device.
struct FakeTun {
  FakeTun() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    device.reset(ends[0]);
    kernel_side.reset(ends[1]);
  }

  void gives(const VirtioNetHeader& header, std::span<const std::byte> packet) {
    const auto encoded = encode_virtio_net(header);
    Bytes bytes(encoded.begin(), encoded.end());
    bytes.insert(bytes.end(), packet.begin(), packet.end());
    ASSERT_EQ(::send(kernel_side.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  struct Taken {
    VirtioNetHeader header;
    Bytes packet;
  };
  Taken takes() {
    Bytes bytes(70000);
    const ssize_t size = ::recv(kernel_side.get(), bytes.data(), bytes.size(), 0);
    if (size < static_cast<ssize_t>(kVirtioNetHeaderSize)) return {};
    bytes.resize(static_cast<std::size_t>(size));
    const auto header = decode_virtio_net(std::span<const std::byte>(bytes).first<kVirtioNetHeaderSize>());
    return {header, Bytes(bytes.begin() + kVirtioNetHeaderSize, bytes.end())};
  }

  UniqueFd device;
  UniqueFd kernel_side;
};

}  // namespace vpnd::tunio::test
