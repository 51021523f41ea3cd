#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <chrono>
#include <thread>

#include "io_fixture.hpp"
#include "tunio/tcp_socket.hpp"

namespace vpnd::tunio::test {
namespace {

int option_of(const UniqueFd& socket, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket.get(), level, option, &value, &size), 0);
  return value;
}

UdpOptions loopback() {
  UdpOptions options;
  options.local = Endpoint::from_text("127.0.0.1", 0);
  return options;
}

std::string failure(const UdpOptions& options) {
  try {
    open_udp_socket(options);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "opened";
}

TEST(UdpSocket, ServesBothFamiliesUnlessToldOtherwise) {
  const UniqueFd any = open_udp_socket({});
  if (socket_family(any.get()) != AF_INET6) GTEST_SKIP() << "the kernel has no IPv6";
  EXPECT_EQ(option_of(any, IPPROTO_IPV6, IPV6_V6ONLY), 0);
  EXPECT_NE(local_endpoint(any).port(), 0);
  UdpOptions options;
  options.family = SocketFamily::ipv6;
  EXPECT_EQ(option_of(open_udp_socket(options), IPPROTO_IPV6, IPV6_V6ONLY), 1);
  options.family = SocketFamily::ipv4;
  EXPECT_EQ(socket_family(open_udp_socket(options).get()), AF_INET);
}

TEST(UdpSocket, BindsWhereItIsTold) {
  const UniqueFd socket = open_udp_socket(loopback());
  EXPECT_EQ(local_endpoint(socket).address().format(), "127.0.0.1");
  EXPECT_EQ(socket_family(socket.get()), AF_INET) << "an IPv4 address needs no IPv6 socket";
  EXPECT_EQ(remote_endpoint(socket), std::nullopt);
}

TEST(UdpSocket, SaysWhatItCouldNotDo) {
  UdpOptions taken = loopback();
  const UniqueFd first = open_udp_socket(taken);
  taken.local = local_endpoint(first);
  EXPECT_NE(failure(taken).find("bind to " + taken.local->format()), std::string::npos) << failure(taken);
  UdpOptions wrong_family = loopback();
  wrong_family.family = SocketFamily::ipv4;
  wrong_family.local = Endpoint::from_text("::1", 0);
  EXPECT_NE(failure(wrong_family).find("bind to [::1]:0"), std::string::npos) << failure(wrong_family);
  UdpOptions no_device = loopback();
  no_device.device = "no-such-device";
  EXPECT_NE(failure(no_device).find("no-such-device"), std::string::npos) << failure(no_device);
}

TEST(UdpSocket, SharesAPortAmongWorkers) {
  UdpOptions options = loopback();
  options.reuse_port = true;
  const UniqueFd first = open_udp_socket(options);
  options.local = local_endpoint(first);
  const UniqueFd second = open_udp_socket(options);
  EXPECT_EQ(local_endpoint(second), local_endpoint(first));
}

TEST(UdpSocket, SetsBuffersMtuDiscoveryAndGro) {
  UdpOptions options = loopback();
  options.receive_buffer = 300'000;
  options.send_buffer = 100'000;
  options.mtu_discovery = MtuDiscovery::always;
  const UniqueFd socket = open_udp_socket(options);
  EXPECT_GE(option_of(socket, SOL_SOCKET, SO_RCVBUF), 300'000);
  EXPECT_GE(option_of(socket, SOL_SOCKET, SO_SNDBUF), 100'000);
  EXPECT_EQ(option_of(socket, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
  EXPECT_EQ(option_of(socket, IPPROTO_UDP, UDP_GRO), 1);
  options.gro = false;
  options.mtu_discovery = MtuDiscovery::never;
  const UniqueFd plain = open_udp_socket(options);
  EXPECT_EQ(option_of(plain, IPPROTO_UDP, UDP_GRO), 0);
  EXPECT_EQ(option_of(plain, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
}

TEST(UdpSocket, HearsOnlyThePeerItIsConnectedTo) {
  Correspondent friendly;
  Correspondent stranger;
  UdpOptions options = loopback();
  options.remote = friendly.endpoint();
  const UniqueFd socket = open_udp_socket(options);
  EXPECT_EQ(remote_endpoint(socket), friendly.endpoint());
  stranger.sends(local_endpoint(socket), pattern(10));
  friendly.sends(local_endpoint(socket), pattern(20));
  std::byte bytes[100];
  EXPECT_EQ(::recv(socket.get(), bytes, sizeof bytes, 0), 20);
}

TEST(TcpSocket, ConnectsWithoutWaiting) {
  TcpListenOptions options;
  options.local = Endpoint::from_text("127.0.0.1", 0);
  const UniqueFd listener = listen_tcp(options);
  const TcpConnect connection = start_connect(local_endpoint(listener), {});
  ASSERT_FALSE(connection.error);
  pollfd ready{.fd = connection.socket.get(), .events = POLLOUT, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 10000), 1);
  EXPECT_FALSE(finish_connect(connection.socket));
  EXPECT_EQ(remote_endpoint(connection.socket), local_endpoint(listener));
}

TEST(TcpSocket, IsNotTakenForConnectedBeforeItIs) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  EXPECT_EQ(finish_connect(socket), std::errc::operation_in_progress);
}

TEST(TcpSocket, ReportsThatNobodyListens) {
  TcpListenOptions options;
  options.local = Endpoint::from_text("127.0.0.1", 0);
  UniqueFd listener = listen_tcp(options);
  const Endpoint remote = local_endpoint(listener);
  listener.reset();
  const TcpConnect connection = start_connect(remote, {});
  std::error_code error = connection.error;
  if (!error) {
    pollfd ready{.fd = connection.socket.get(), .events = POLLOUT, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 10000), 1);
    error = finish_connect(connection.socket);
  }
  EXPECT_EQ(error, std::errc::connection_refused);
}

TEST(TcpSocket, ReportsAFamilyThatDoesNotFitAsAnError) {
  SocketOptions options;
  options.family = SocketFamily::ipv4;
  EXPECT_EQ(start_connect(*Endpoint::from_text("::1", 1), options).error,
            std::errc::address_family_not_supported);
}

TEST(TcpSocket, TellsHowLongNothingWasAcknowledged) {
  TcpListenOptions options;
  options.local = Endpoint::from_text("127.0.0.1", 0);
  const UniqueFd listener = listen_tcp(options);
  const TcpConnect connection = start_connect(local_endpoint(listener), {});
  pollfd ready{.fd = connection.socket.get(), .events = POLLOUT, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 10000), 1);
  EXPECT_EQ(unacknowledged_for(connection.socket).count(), 0);
  const auto bytes = pattern(65536);  // nobody reads them
  while (::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) continue;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (unacknowledged_for(connection.socket).count() == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GT(unacknowledged_for(connection.socket).count(), 0);
}

TEST(TcpSocket, IsTunedForATunnel) {
  TcpListenOptions options;
  options.local = Endpoint::from_text("127.0.0.1", 0);
  const UniqueFd listener = listen_tcp(options);
  const TcpConnect connection = start_connect(local_endpoint(listener), {});
  tune_tunnel_connection(connection.socket, 128 * 1024);
  EXPECT_EQ(option_of(connection.socket, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option_of(connection.socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 * 1024);
}

}  // namespace
}  // namespace vpnd::tunio::test
