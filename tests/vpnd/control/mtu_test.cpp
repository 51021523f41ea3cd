#include "vpnd/control/mtu.hpp"

#include <gtest/gtest.h>

namespace vpnd::control {
namespace {

using config::MssfixMode;
using config::Transport;
using tunio::IpFamily;

constexpr std::size_t kOverhead = 24;  // of DATA_V2: header, packet id, tag

config::LinkOptions link(std::uint16_t mssfix, MssfixMode mode) {
  config::LinkOptions options;
  options.mssfix = {mssfix, mode};
  return options;
}

TEST(MssLimits, CountEveryHeaderAroundASegment) {
  const struct {
    IpFamily outer;
    Transport transport;
    std::uint16_t ipv4;
  } cases[] = {{IpFamily::v4, Transport::udp, 1492 - 20 - 8 - 24 - 20 - 20},
               {IpFamily::v6, Transport::udp, 1492 - 40 - 8 - 24 - 20 - 20},
               {IpFamily::v4, Transport::tcp, 1492 - 20 - 20 - 2 - 24 - 20 - 20},
               {IpFamily::v6, Transport::tcp, 1492 - 40 - 20 - 2 - 24 - 20 - 20}};
  for (const auto& [outer, transport, ipv4] : cases) {
    const MssLimits limits = mss_limits({}, {outer, transport, kOverhead});  // 1492 mtu is the default
    EXPECT_EQ(limits.ipv4, ipv4);
    EXPECT_EQ(limits.ipv6, ipv4 - 20);
  }
}

TEST(MssLimits, TakeTheNumberAsItsModeMeansIt) {
  const Encapsulation udp{IpFamily::v4, Transport::udp, kOverhead};
  EXPECT_EQ(mss_limits(link(1400, MssfixMode::mtu), udp).ipv4, 1400 - 28 - 24 - 40);
  EXPECT_EQ(mss_limits(link(1400, MssfixMode::datagram), udp).ipv4, 1400 - 24 - 40);
  EXPECT_EQ(mss_limits(link(1400, MssfixMode::fixed), udp).ipv4, 1400 - 40);
}

TEST(MssLimits, GiveWayToCompressionFraming) {
  const Encapsulation framed{IpFamily::v4, Transport::udp, kOverhead + 1};
  EXPECT_EQ(mss_limits({}, framed).ipv4, 1399);
}

TEST(MssLimits, KeepToLinkMtuEvenWithoutMssfix) {
  config::LinkOptions options = link(0, MssfixMode::mtu);
  EXPECT_EQ(mss_limits(options, {}).ipv4, 0);
  EXPECT_EQ(mss_limits(options, {}).ipv6, 0);
  options.link_mtu = 1280;
  EXPECT_EQ(mss_limits(options, {IpFamily::v4, Transport::udp, kOverhead}).ipv4, 1280 - 28 - 24 - 40);
  options.mssfix = {1492, MssfixMode::mtu};
  EXPECT_EQ(mss_limits(options, {IpFamily::v4, Transport::udp, kOverhead}).ipv4, 1280 - 28 - 24 - 40);
}

TEST(MssLimits, LeaveRoomForSomethingHoweverSmallTheLink) {
  EXPECT_EQ(mss_limits(link(50, MssfixMode::mtu), {IpFamily::v6, Transport::tcp, kOverhead}).ipv6, 64);
}

}  // namespace
}  // namespace vpnd::control
