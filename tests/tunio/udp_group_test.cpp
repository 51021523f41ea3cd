#include "tunio/udp_group.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "io_fixture.hpp"

namespace vpnd::tunio::test {
namespace {

// OpenVPN's: P_DATA_V2 in the upper five bits of the first byte, the peer id in the other three bytes.
constexpr Steering kByPeerId{.mask = 0xf8000000, .match = 9U << 27, .key = 0x00ffffff};
constexpr unsigned kSockets = 3;

class UdpGroup : public ::testing::TestWithParam<const char*> {
 protected:
  UdpGroup() {
    UdpOptions options;
    options.local = Endpoint::from_text(GetParam(), 0);
    try {
      group = open_udp_group(options, kSockets, kByPeerId);
    } catch (const std::system_error& error) {
      refused = error.what();
    }
  }
  void SetUp() override {
    if (!refused.empty() && std::string(GetParam()) == "::1") GTEST_SKIP() << "no IPv6: " << refused;
    ASSERT_EQ(refused, "");
  }

  // Sends from a fresh socket, so that hashing by addresses could not stay unnoticed; returns who got it.
  std::size_t receiver_of(const Bytes& datagram) {
    UdpOptions options;
    options.local = Endpoint::from_text(GetParam(), 0);
    options.remote = local_endpoint(group.front());
    const UniqueFd sender = open_udp_socket(options);
    EXPECT_EQ(::send(sender.get(), datagram.data(), datagram.size(), 0),
              static_cast<ssize_t>(datagram.size()));
    std::vector<pollfd> ready;
    for (const UniqueFd& socket : group)
      ready.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
    EXPECT_EQ(
        ::poll(ready.data(), ready.size(), static_cast<int>(std::chrono::milliseconds(kPatience).count())),
        1);
    for (std::size_t i = 0; i < ready.size(); ++i) {
      std::byte bytes[100];
      if (ready[i].revents != 0 && ::recv(group[i].get(), bytes, sizeof bytes, 0) >= 0) return i;
    }
    return group.size();
  }
  static Bytes starting_with(std::initializer_list<int> first, std::size_t size) {
    Bytes bytes(size);
    std::size_t i = 0;
    for (const int byte : first) bytes.at(i++) = static_cast<std::byte>(byte);
    return bytes;
  }

  std::vector<UniqueFd> group;
  std::string refused;
};

TEST_P(UdpGroup, SharesOnePort) {
  ASSERT_EQ(group.size(), kSockets);
  for (const UniqueFd& socket : group) EXPECT_EQ(local_endpoint(socket), local_endpoint(group.front()));
}

TEST_P(UdpGroup, SteersDataPacketsByPeerIdWhateverTheirKeyId) {
  for (const std::uint32_t id : {0U, 1U, 2U, 3U, 4U, 5U, 255U, 256U, 0x123456U, 0xffffffU}) {
    for (const int key_id : {0, 7}) {
      const auto byte = [&](unsigned shift) { return static_cast<int>(id >> shift & 0xff); };
      EXPECT_EQ(receiver_of(starting_with({9 << 3 | key_id, byte(16), byte(8), byte(0)}, 60)), id % kSockets)
          << "peer id " << id;
    }
  }
}

TEST_P(UdpGroup, GivesEverythingElseToTheFirst) {
  for (const int opcode : {0, 4, 5, 6, 7, 10, 31}) {
    EXPECT_EQ(receiver_of(starting_with({opcode << 3, 0, 0, 1}, 60)), 0U) << "opcode " << opcode;
  }
  for (const std::size_t size : {1U, 2U, 3U}) {
    EXPECT_EQ(receiver_of(starting_with({9 << 3}, size)), 0U) << size << " bytes";
  }
  EXPECT_EQ(receiver_of(starting_with({9 << 3, 0, 0, 2}, 4)), 2U) << "just the header";
}

TEST_P(UdpGroup, RefusesAnAddressThatIsTaken) {
  UdpOptions options;
  options.local = local_endpoint(group.front());
  EXPECT_THROW(open_udp_group(options, 1, kByPeerId), std::system_error);
  EXPECT_THROW(open_udp_group(options, kSockets, kByPeerId), std::system_error) << "not even by such a group";
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, UdpGroup, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.index == 0 ? "Ipv4" : "Ipv6"; });

TEST(UdpGroupOfOne, IsAPlainSocket) {
  UdpOptions options;
  options.local = Endpoint::from_text("127.0.0.1", 0);
  const auto group = open_udp_group(options, 1, kByPeerId);
  ASSERT_EQ(group.size(), 1U);
  int shared = -1;
  socklen_t size = sizeof shared;
  EXPECT_EQ(::getsockopt(group.front().get(), SOL_SOCKET, SO_REUSEPORT, &shared, &size), 0);
  EXPECT_EQ(shared, 0);
}

TEST(UdpGroupOfBothFamilies, ServesBoth) {
  const auto group = open_udp_group({}, 2, kByPeerId);
  EXPECT_EQ(socket_family(group[0].get()), socket_family(group[1].get()));
  EXPECT_EQ(local_endpoint(group[0]), local_endpoint(group[1]));
}

}  // namespace
}  // namespace vpnd::tunio::test
