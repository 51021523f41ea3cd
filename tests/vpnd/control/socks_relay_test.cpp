#include "vpnd/control/socks_relay.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <random>

namespace vpnd::control {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

std::optional<std::string> payload_of(const std::string& datagram) {
  const auto payload = socks_payload(std::as_bytes(std::span(datagram)));
  if (!payload) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(payload->data()), payload->size());
}

TEST(SocksDatagrams, NameTheServerByAddressOrName) {
  EXPECT_EQ(socks_datagram_header("10.0.0.9", 1194), bytes({0, 0, 0, 1, 10, 0, 0, 9, 4, 0xaa}));
  EXPECT_EQ(socks_datagram_header("fd00::1", 1194),
            bytes({0, 0, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0xaa}));
  EXPECT_EQ(socks_datagram_header("vpn", 443), bytes({0, 0, 0, 3, 3, 'v', 'p', 'n', 1, 0xbb}));
}

TEST(SocksDatagrams, CarryWhatFollowsTheirHeader) {
  for (const char* host : {"10.0.0.9", "fd00::1", "vpn.example.org"}) {
    EXPECT_EQ(payload_of(socks_datagram_header(host, 1194) + "hello"), "hello") << host;
    EXPECT_EQ(payload_of(socks_datagram_header(host, 1194)), std::nullopt) << "nothing follows";
  }
}

TEST(SocksDatagrams, AreDroppedWhereTheyAreMalformedOrFragments) {
  const std::string whole = socks_datagram_header("vpn.example.org", 1194) + "x";
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(payload_of(whole.substr(0, size)), std::nullopt) << size;
  EXPECT_EQ(payload_of(bytes({0, 0, 1, 1, 10, 0, 0, 9, 4, 0xaa, 'x'})), std::nullopt) << "a fragment";
  EXPECT_EQ(payload_of(bytes({0, 0, 0, 2, 10, 0, 0, 9, 4, 0xaa, 'x'})), std::nullopt) << "no type of address";
  std::mt19937 random(1);
  for (int i = 0; i < 10000; ++i) {
    std::string noise(random() % 40, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    (void)payload_of(noise);
  }
}

// A socket on loopback, for a worker or a proxy.
class LoopbackEnd {
 public:
  LoopbackEnd() {
    tunio::UdpOptions options;
    options.family = tunio::SocketFamily::ipv4;
    options.local = tunio::Endpoint::from_text("127.0.0.1", 0);
    socket_ = tunio::open_udp_socket(options);
  }
  tunio::Endpoint endpoint() const { return tunio::local_endpoint(socket_); }
  void send(const tunio::Endpoint& to, const std::string& text) const {
    sockaddr_storage address{};
    const socklen_t size = to.to_sockaddr(AF_INET, address);
    EXPECT_EQ(::sendto(socket_.get(), text.data(), text.size(), 0,
                       reinterpret_cast<const sockaddr*>(&address), size),
              static_cast<ssize_t>(text.size()));
  }
  // The next datagram and where it came from.
  std::pair<std::string, tunio::Endpoint> receive() const {
    pollfd waiting{socket_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 10'000), 1) << "nothing came";
    std::string text(65536, '\0');
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const auto received =
        ::recvfrom(socket_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&address), &size);
    text.resize(received > 0 ? static_cast<std::size_t>(received) : 0);
    return {text, tunio::Endpoint::from_sockaddr(address, size).value_or(tunio::Endpoint())};
  }

 private:
  tunio::UniqueFd socket_;
};

TEST(SocksRelay, CarriesDatagramsBothWays) {
  const LoopbackEnd worker, proxy;
  tunio::UdpOptions outer;
  outer.family = tunio::SocketFamily::ipv4;
  outer.remote = proxy.endpoint();
  const std::string header = socks_datagram_header("192.0.2.9", 1194);
  SocksRelay relay(header, outer);
  EXPECT_EQ(relay.proxy(), proxy.endpoint());
  EXPECT_EQ(relay.header_size(), 10U);
  relay.serve(worker.endpoint());

  tunio::Endpoint relay_outside;
  for (const std::size_t size : {1U, 1400U, 60000U}) {
    const std::string text(size, 'o');
    worker.send(relay.endpoint(), text);
    const auto [sent, from] = proxy.receive();
    EXPECT_TRUE(sent == header + text) << size;
    relay_outside = from;
  }
  for (int i = 0; i < 100; ++i) {
    proxy.send(relay_outside, "too short");
    proxy.send(relay_outside, header + std::to_string(i));
    const auto [text, from] = worker.receive();
    EXPECT_EQ(text, std::to_string(i));
    EXPECT_EQ(from, relay.endpoint());
  }
}

TEST(SocksRelay, HearsNobodyElse) {
  const LoopbackEnd worker, proxy, stranger;
  tunio::UdpOptions outer;
  outer.family = tunio::SocketFamily::ipv4;
  outer.remote = proxy.endpoint();
  SocksRelay relay("", outer);
  relay.serve(worker.endpoint());
  stranger.send(relay.endpoint(), "stranger");
  worker.send(relay.endpoint(), "worker");
  EXPECT_EQ(proxy.receive().first, "worker");
}

TEST(SocksRelay, EndsThoughNothingWasServed) {
  const LoopbackEnd proxy;
  tunio::UdpOptions outer;
  outer.family = tunio::SocketFamily::ipv4;
  outer.remote = proxy.endpoint();
  const SocksRelay relay("", outer);
}

}  // namespace
}  // namespace vpnd::control
