#include "vpnd/control/push_list.hpp"

#include <gmock/gmock.h>

#include "tests/vpnd/config/support.hpp"

namespace vpnd::control {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

constexpr proto::PeerId kPeer{3};
// What OpenVPN 2.6 announces.
constexpr std::string_view kModern = "IV_VER=2.6.0\nIV_PROTO=990\nIV_CIPHERS=AES-256-GCM\nIV_MTU=1600\n";

class PushListTest : public testing::Test {
 protected:
  PushListTest() {
    addresses.ipv4 = tunio::IpAddress::parse("10.8.0.2").value();
    addresses.netmask_or_peer = tunio::IpAddress::parse("255.255.255.0").value();
  }
  std::vector<std::string> pushed(const std::string& lines, std::string_view peer_info = kModern) {
    options = config::testing::server_with(lines);
    const auto info = proto::PeerInfo::parse(peer_info);
    return push_list(options, {.config = client,
                               .addresses = addresses,
                               .peer_info = info,
                               .peer_id = kPeer,
                               .cipher = crypto::AeadAlgorithm::aes_256_gcm,
                               .batch = {},
                               .compression_stub = compression_stub});
  }

  config::Options options;
  config::ClientConfig client;
  Assignment addresses;
  bool compression_stub = false;
};

TEST_F(PushListTest, IsThatOfStockInItsOrder) {
  EXPECT_THAT(
      pushed("push \"route 192.0.2.0 255.255.255.0\"\nkeepalive 10 60\n"),
      ElementsAre("route 192.0.2.0 255.255.255.0", "route-gateway 10.8.0.1", "topology subnet", "ping 10",
                  "ping-restart 60", "ifconfig 10.8.0.2 255.255.255.0", "peer-id 3", "cipher AES-256-GCM",
                  "protocol-flags cc-exit tls-ekm dyn-tls-crypt", "tun-mtu 1500"));
}

TEST_F(PushListTest, TellsOldClientsOnlyWhatTheyKnow) {
  const auto list = pushed("", "");
  EXPECT_THAT(list, Contains("ifconfig 10.8.0.2 255.255.255.0"));
  EXPECT_THAT(list, Not(Contains(testing::StartsWith("protocol-flags"))));
  EXPECT_THAT(list, Not(Contains(testing::StartsWith("tun-mtu"))));
}

TEST_F(PushListTest, NamesTheTunMtuToClientsThatCanDoAsMuch) {
  EXPECT_THAT(pushed("tun-mtu 1600\n"), Contains("tun-mtu 1600"));
  EXPECT_THAT(pushed("tun-mtu 1601\n"), Not(Contains(testing::StartsWith("tun-mtu"))));
}

TEST_F(PushListTest, HasBothFamilies) {
  addresses.ipv6 = tunio::Prefix::parse("fd00::1000/64").value();
  addresses.ipv6_gateway = tunio::IpAddress::parse("fd00::1").value();
  EXPECT_THAT(pushed(""), Contains("ifconfig-ipv6 fd00::1000/64 fd00::1"));
  addresses.ipv4.reset();
  EXPECT_THAT(pushed(""), Not(Contains(testing::StartsWith("ifconfig "))));
}

TEST_F(PushListTest, LeavesOutRoutesToWhatLiesBehindTheClient) {
  addresses.networks = {tunio::Prefix::parse("192.168.40.0/24").value(),
                        tunio::Prefix::parse("fd40::/48").value()};
  const auto list = pushed(
      "push \"route 192.168.40.0 255.255.255.0\"\npush \"route 192.168.40.0 255.255.255.0 vpn_gateway 5\"\n"
      "push \"route-ipv6 fd40::/48\"\npush \"route 192.168.41.0 255.255.255.0\"\n");
  EXPECT_THAT(list, Not(Contains(testing::HasSubstr("192.168.40.0"))));
  EXPECT_THAT(list, Not(Contains(testing::HasSubstr("fd40"))));
  EXPECT_THAT(list, Contains("route 192.168.41.0 255.255.255.0"));
}

TEST_F(PushListTest, AppliesTheClientsFile) {
  client =
      config::parse_client_config("push-remove route\npush \"dhcp-option DNS 10.8.0.1\"\n", "ccd").config;
  const auto list = pushed("push \"route 192.0.2.0 255.255.255.0\"\n");
  EXPECT_THAT(list, Not(Contains("route 192.0.2.0 255.255.255.0")));
  EXPECT_THAT(list, Contains("dhcp-option DNS 10.8.0.1"));
}

TEST_F(PushListTest, TellsAClientThatCompressesToStop) {
  EXPECT_THAT(pushed(""), Not(Contains("compress stub-v2")));
  compression_stub = true;
  EXPECT_THAT(pushed(""), Contains("compress stub-v2"));
}

}  // namespace
}  // namespace vpnd::control
