#include "vpnd/host/bypass_addresses.hpp"

#include <gtest/gtest.h>

namespace vpnd::host {
namespace {

std::string joined(const std::vector<tunio::IpAddress>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += address.format() + " ";
  return text;
}

TEST(NameServers, AreThoseThatNeedARoute) {
  EXPECT_EQ(joined(name_servers("# nameserver 192.0.2.9\n"
                                "search example.org\n"
                                "nameserver 192.0.2.53\n"
                                " nameserver\t192.0.2.54\n"
                                "nameserver 2001:db8::53\r\n"
                                "nameserver 192.0.2.53\n"
                                "nameserver 127.0.0.53\n"
                                "nameserver ::1\n"
                                "nameserver fe80::1%eth0\n"
                                "nameserver fe80::1\n"
                                "nameserver nonsense\n"
                                "nameserver 198.51.100.1")),
            "192.0.2.53 192.0.2.54 2001:db8::53 198.51.100.1 ");
}

TEST(DhcpServer, IsReadFromALeaseOfNetworkd) {
  EXPECT_EQ(dhcp_server("# private\nADDRESS=192.0.2.7\nSERVER_ADDRESS=192.0.2.1\nMTU=1500\n"),
            tunio::IpAddress::parse("192.0.2.1"));
}

TEST(DhcpServer, IsThatOfTheLastLeaseOfDhclient) {
  constexpr std::string_view kLeases =
      "lease {\n  option dhcp-server-identifier 192.0.2.1;\n}\n"
      "lease {\n  option dhcp-server-identifier 198.51.100.1;\n}\n";
  EXPECT_EQ(dhcp_server(kLeases), tunio::IpAddress::parse("198.51.100.1"));
}

TEST(DhcpServer, IsAbsentWhereNoneIsNamed) {
  EXPECT_EQ(dhcp_server(""), std::nullopt);
  EXPECT_EQ(dhcp_server("SERVER_ADDRESS=\noption dhcp-server-identifier soon;\n"), std::nullopt);
}

}  // namespace
}  // namespace vpnd::host
