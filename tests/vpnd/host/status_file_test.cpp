#include "vpnd/host/status_file.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>

namespace vpnd::host {
namespace {

class StatusFile : public ::testing::Test {
 protected:
  StatusFile() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    ClientStatus anna;
    anna.common_name = "anna";
    anna.real_address = {"192.0.2.1:1194", Transport::udp4};
    anna.virtual_ipv4 = "10.8.0.2";
    anna.virtual_ipv6 = "fd00::1000";
    anna.bytes_received = 1000;
    anna.bytes_sent = 2000;
    anna.connected_since = 1714566896;
    anna.username = "a.user";
    anna.client_id = 7;
    anna.peer_id = 3;
    anna.cipher = "AES-256-GCM";
    ClientStatus stranger;  // connected, but not authenticated yet
    stranger.real_address = {"[2001:db8::1]:40000", Transport::tcp6_server};
    stranger.connected_since = 1714566900;
    stranger.client_id = 8;
    status_.title = "vpnd 0.1.0 x86_64-linux";
    status_.now = 1714567000;
    status_.clients = {anna, stranger};
    status_.routes = {{"10.8.0.2", false, "anna", {"192.0.2.1:1194", Transport::udp4}, 1714566990},
                      {"10.20.0.9", true, "anna", {"192.0.2.1:1194", Transport::udp4}, 1714566991}};
    status_.max_queue_length = 5;
  }

  ServerStatus status_;
};

TEST_F(StatusFile, HasTheLinesOfVersion1) {
  EXPECT_EQ(format_server_status(status_, StatusVersion::v1),
            "OpenVPN CLIENT LIST\n"
            "Updated,2024-05-01 12:36:40\n"
            "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since\n"
            "anna,192.0.2.1:1194,1000,2000,2024-05-01 12:34:56\n"
            "UNDEF,[2001:db8::1]:40000,0,0,2024-05-01 12:35:00\n"
            "ROUTING TABLE\n"
            "Virtual Address,Common Name,Real Address,Last Ref\n"
            "10.8.0.2,anna,192.0.2.1:1194,2024-05-01 12:36:30\n"
            "10.20.0.9C,anna,192.0.2.1:1194,2024-05-01 12:36:31\n"
            "GLOBAL STATS\n"
            "Max bcast/mcast queue length,5\n"
            "END\n");
}

constexpr std::string_view kVersion2 =
    "TITLE,vpnd 0.1.0 x86_64-linux\n"
    "TIME,2024-05-01 12:36:40,1714567000\n"
    "HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes "
    "Sent,"
    "Connected Since,Connected Since (time_t),Username,Client ID,Peer ID,Data Channel Cipher\n"
    "CLIENT_LIST,anna,192.0.2.1:1194,10.8.0.2,fd00::1000,1000,2000,2024-05-01 12:34:56,1714566896,a.user,7,3,"
    "AES-256-GCM\n"
    "CLIENT_LIST,UNDEF,[2001:db8::1]:40000,,,0,0,2024-05-01 12:35:00,1714566900,UNDEF,8,0,\n"
    "HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)\n"
    "ROUTING_TABLE,10.8.0.2,anna,192.0.2.1:1194,2024-05-01 12:36:30,1714566990\n"
    "ROUTING_TABLE,10.20.0.9C,anna,192.0.2.1:1194,2024-05-01 12:36:31,1714566991\n"
    "GLOBAL_STATS,Max bcast/mcast queue length,5\n"
    "GLOBAL_STATS,dco_enabled,0\n"
    "END\n";

TEST_F(StatusFile, HasTheLinesOfVersion2) {
  EXPECT_EQ(format_server_status(status_, StatusVersion::v2), kVersion2);
}

TEST_F(StatusFile, HasTheSameLinesWithTabsInVersion3) {
  std::string expected(kVersion2);
  std::replace(expected.begin(), expected.end(), ',', '\t');
  EXPECT_EQ(format_server_status(status_, StatusVersion::v3), expected);
}

TEST_F(StatusFile, NamesTheTransportOnlyOnRequest) {
  const std::string text = format_server_status(status_, StatusVersion::v1, RealAddressForm::with_transport);
  EXPECT_NE(text.find("anna,udp4:192.0.2.1:1194,"), std::string::npos);
  EXPECT_NE(text.find("UNDEF,tcp6-server:[2001:db8::1]:40000,"), std::string::npos);
}

TEST_F(StatusFile, LetsNoNameForgeAColumnOrALine) {
  status_.clients.front().common_name = "a,b\tc\nEND\n";
  status_.clients.front().username = "x,y\r\n\tz";
  for (const StatusVersion version : {StatusVersion::v1, StatusVersion::v2, StatusVersion::v3}) {
    const std::string text = format_server_status(status_, version);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
              std::count(kVersion2.begin(), kVersion2.end(), '\n') + (version == StatusVersion::v1 ? 1 : 0));
  }
  const std::string text = format_server_status(status_, StatusVersion::v2);
  EXPECT_NE(text.find("CLIENT_LIST,a_b_c_END_,192.0.2.1:1194,"), std::string::npos);
  EXPECT_NE(text.find(",x_y___z,7,3,"), std::string::npos);
}

TEST_F(StatusFile, HasTheLinesOfAClient) {
  EXPECT_EQ(format_client_status({1714567000, 1, 2, 3, 4, 5}),
            "OpenVPN STATISTICS\n"
            "Updated,2024-05-01 12:36:40\n"
            "TUN/TAP read bytes,1\n"
            "TUN/TAP write bytes,2\n"
            "TCP/UDP read bytes,3\n"
            "TCP/UDP write bytes,4\n"
            "Auth read bytes,5\n"
            "END\n");
}

TEST_F(StatusFile, ShowsLocalTime) {
  ::setenv("TZ", "UTC-2", 1);
  ::tzset();
  EXPECT_EQ(format_time(1714567000), "2024-05-01 14:36:40");
}

}  // namespace
}  // namespace vpnd::host
