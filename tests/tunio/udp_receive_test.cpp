#include "tunio/udp_receive.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <cstring>
#include <limits>

#include "io_fixture.hpp"

namespace vpnd::tunio::test {
namespace {

class UdpReceiveTest : public ::testing::Test {
 protected:
  UdpReceiveTest() {
    message_.msg_name = &name_;
    message_.msg_namelen = Endpoint::from_text("192.0.2.1", 1194)->to_sockaddr(AF_INET, name_);
  }

  /// Adds what the kernel says about joined datagrams.
  void with_gro_size(int size, std::size_t claimed_length = CMSG_LEN(sizeof(int))) {
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&message_);
    control->cmsg_level = IPPROTO_UDP;
    control->cmsg_type = UDP_GRO;
    control->cmsg_len = claimed_length;
    std::memcpy(CMSG_DATA(control), &size, sizeof size);
  }

  /// Adds what the kernel says about the address that was sent to.
  template <typename Info>
  void with_local_address(int level, int type, const Info& info,
                          std::size_t claimed_length = CMSG_LEN(sizeof(Info))) {
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&message_);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = claimed_length;
    std::memcpy(CMSG_DATA(control), &info, sizeof info);
  }

  std::optional<UdpArrival> check(std::size_t size) {
    payload_ = pattern(size);
    return check_udp_arrival(message_, payload_, counters_);
  }

  sockaddr_storage name_{};
  alignas(cmsghdr) std::array<std::byte, kUdpControlSize> control_{};
  msghdr message_{};
  Bytes payload_;
  IoCounters counters_;
};

TEST_F(UdpReceiveTest, TakesADatagramWithoutControlMessage) {
  const auto arrival = check(1300);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->source.format(), "192.0.2.1:1194");
  EXPECT_EQ(arrival->bytes.size(), 1300u);
  EXPECT_EQ(arrival->segment_size, 1300u);
  EXPECT_EQ(counters_.udp_datagrams_received, 1u);
}

TEST_F(UdpReceiveTest, TakesARun) {
  with_gro_size(1000);
  const auto arrival = check(2500);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->segment_size, 1000u);
  EXPECT_EQ(counters_.udp_datagrams_received, 3u);
  EXPECT_EQ(counters_.udp_runs_received, 1u);
}

TEST_F(UdpReceiveTest, NeverGivesASegmentLargerThanWhatCame) {
  with_gro_size(std::numeric_limits<int>::max());
  const auto arrival = check(100);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->segment_size, 100u);
}

TEST_F(UdpReceiveTest, DropsImpossibleSizes) {
  for (const int size : {0, -1, std::numeric_limits<int>::min()}) {
    with_gro_size(size);
    EXPECT_FALSE(check(100)) << size;
  }
  with_gro_size(100, CMSG_LEN(2));  // too short to hold an int
  EXPECT_FALSE(check(100));
  EXPECT_EQ(counters_.udp_received_malformed, 4u);
  EXPECT_EQ(counters_.udp_runs_received, 0u);
}

TEST_F(UdpReceiveTest, NotesTheAddressThatWasSentTo) {
  in_pktinfo v4{};
  v4.ipi_spec_dst.s_addr = htonl(0xc0000207);
  with_local_address(IPPROTO_IP, IP_PKTINFO, v4);
  auto arrival = check(100);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->source, Endpoint::from_text("192.0.2.1", 1194)->met_at(*IpAddress::parse("192.0.2.7")));
  EXPECT_NE(arrival->source, *Endpoint::from_text("192.0.2.1", 1194));

  in6_pktinfo mapped{};  // IPv4 on an IPv6 socket
  const IpAddress address = *IpAddress::parse("::ffff:192.0.2.7");
  const auto bytes = address.bytes();
  std::memcpy(&mapped.ipi6_addr, bytes.data(), bytes.size());
  with_local_address(IPPROTO_IPV6, IPV6_PKTINFO, mapped);
  arrival = check(100);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->source.local(), *IpAddress::parse("192.0.2.7"));
}

TEST_F(UdpReceiveTest, DropsAnAddressThatIsCutShort) {
  with_local_address(IPPROTO_IP, IP_PKTINFO, in_pktinfo{}, CMSG_LEN(4));
  EXPECT_FALSE(check(100));
  with_local_address(IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo{}, CMSG_LEN(4));
  EXPECT_FALSE(check(100));
  EXPECT_EQ(counters_.udp_received_malformed, 2u);
}

TEST_F(UdpReceiveTest, DropsEmptyDatagrams) {
  EXPECT_FALSE(check(0));
  EXPECT_EQ(counters_.udp_received_malformed, 1u);
}

TEST_F(UdpReceiveTest, DropsWhatIsTruncated) {
  message_.msg_flags = MSG_TRUNC;
  EXPECT_FALSE(check(100));
  message_.msg_flags = MSG_CTRUNC;  // the size of the datagrams may be missing
  EXPECT_FALSE(check(100));
  EXPECT_EQ(counters_.udp_received_truncated, 2u);
}

TEST_F(UdpReceiveTest, DropsUnknownFamiliesAndShortNames) {
  message_.msg_namelen = 3;
  EXPECT_FALSE(check(100));
  message_.msg_namelen = sizeof name_;
  name_.ss_family = AF_UNIX;
  EXPECT_FALSE(check(100));
  EXPECT_EQ(counters_.udp_received_malformed, 2u);
}

}  // namespace
}  // namespace vpnd::tunio::test
