#include "vpnd/control/socks_relay.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "tunio/ip_address.hpp"

namespace vpnd::control {

namespace {

constexpr std::size_t kDatagrams = 32;  // in one system call
constexpr std::size_t kDatagramSize = 65535;

// RFC 1928 §5, the types of an address.
constexpr char kIpv4 = 1;
constexpr char kName = 3;
constexpr char kIpv6 = 4;

tunio::UniqueFd loopback_socket() {
  tunio::UdpOptions options;
  options.family = tunio::SocketFamily::ipv4;
  options.local = tunio::Endpoint::from_text("127.0.0.1", 0);
  options.gro = false;
  return tunio::open_udp_socket(options);
}

[[noreturn]] void fail(const char* step) {
  throw std::system_error(errno, std::generic_category(), step);
}

}  // namespace

std::string socks_datagram_header(const std::string& host, std::uint16_t port) {
  std::string header(3, '\0');  // reserved, and fragment 0: it is none
  if (const auto address = tunio::IpAddress::parse(host)) {
    header += address->is_v4() ? kIpv4 : kIpv6;
    for (const std::byte byte : address->bytes()) header += static_cast<char>(byte);
  } else {
    header += kName;
    header += static_cast<char>(host.size());
    header += host;
  }
  header += static_cast<char>(port >> 8);
  header += static_cast<char>(port & 0xff);
  return header;
}

std::optional<std::span<const std::byte>> socks_payload(std::span<const std::byte> datagram) noexcept {
  constexpr std::size_t kAddress = 4;  // where it begins
  if (datagram.size() <= kAddress || datagram[2] != std::byte{0}) return std::nullopt;
  std::size_t size = kAddress + 2;
  switch (std::to_integer<char>(datagram[3])) {
    case kIpv4:
      size += 4;
      break;
    case kName:
      size += 1 + std::to_integer<std::size_t>(datagram[kAddress]);
      break;
    case kIpv6:
      size += 16;
      break;
    default:
      return std::nullopt;
  }
  if (datagram.size() <= size) return std::nullopt;
  return datagram.subspan(size);
}

SocksRelay::SocksRelay(std::string header, const tunio::UdpOptions& outer)
    : header_(std::move(header)),
      proxy_(outer.remote.value_or(tunio::Endpoint())),
      inner_(loopback_socket()),
      outer_(tunio::open_udp_socket(outer)),
      end_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      buffers_(kDatagrams * kDatagramSize),
      sizes_(kDatagrams) {
  if (!end_) fail("eventfd");
}

SocksRelay::~SocksRelay() {
  if (!thread_.joinable()) return;
  ::eventfd_write(end_.get(), 1);
  thread_.join();
}

void SocksRelay::serve(const tunio::Endpoint& worker) {
  sockaddr_storage address{};
  const socklen_t size = worker.to_sockaddr(AF_INET, address);
  if (size == 0 || ::connect(inner_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    fail("connect to the worker's socket");
  thread_ = std::thread([this] { run(); });
}

void SocksRelay::run() noexcept {
  pthread_setname_np(pthread_self(), "vpnd-socks");
  std::array<pollfd, 3> waiting{
      {{inner_.get(), POLLIN, 0}, {outer_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
  while (waiting[2].revents == 0) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[0].revents != 0) carry_out();
    if (waiting[1].revents != 0) carry_in();
  }
}

std::span<std::byte> SocksRelay::datagram(std::size_t i) noexcept {
  return std::span(buffers_).subspan(i * kDatagramSize, kDatagramSize);
}

// How many came. An error of an earlier datagram (ICMP) is taken off the socket by this, too.
std::size_t SocksRelay::receive(const tunio::UniqueFd& from) noexcept {
  std::array<iovec, kDatagrams> places{};
  std::array<mmsghdr, kDatagrams> messages{};
  for (std::size_t i = 0; i < kDatagrams; ++i) {
    places[i] = {datagram(i).data(), kDatagramSize};
    messages[i].msg_hdr.msg_iov = &places[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = ::recvmmsg(from.get(), messages.data(), kDatagrams, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i)
    sizes_[static_cast<std::size_t>(i)] = messages[static_cast<std::size_t>(i)].msg_len;
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// What does not fit the socket's buffer is lost, as on any path.
void SocksRelay::carry_out() noexcept {
  const std::size_t count = receive(inner_);
  std::array<std::array<iovec, 2>, kDatagrams> pieces{};
  std::array<mmsghdr, kDatagrams> messages{};
  for (std::size_t i = 0; i < count; ++i) {
    pieces[i] = {{{const_cast<char*>(header_.data()), header_.size()}, {datagram(i).data(), sizes_[i]}}};
    messages[i].msg_hdr.msg_iov = pieces[i].data();
    messages[i].msg_hdr.msg_iovlen = pieces[i].size();
  }
  for (std::size_t sent = 0; sent < count;) {
    const int done =
        ::sendmmsg(outer_.get(), &messages[sent], static_cast<unsigned>(count - sent), MSG_DONTWAIT);
    sent += done > 0 ? static_cast<std::size_t>(done) : 1;  // past one that was refused
  }
}

void SocksRelay::carry_in() noexcept {
  const std::size_t count = receive(outer_);
  for (std::size_t i = 0; i < count; ++i) {
    const auto payload = socks_payload(datagram(i).first(sizes_[i]));
    if (payload) ::send(inner_.get(), payload->data(), payload->size(), MSG_DONTWAIT);
  }
}

}  // namespace vpnd::control
