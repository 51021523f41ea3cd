// The hooks of a server, as a client meets them.

#include <gmock/gmock.h>

#include "tests/vpnd/control/server_in_memory.hpp"
#include "vpnd/control/server_client.hpp"

namespace vpnd::control {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ServerClientHooksTest : public test::ServerInMemory {
 protected:
  std::string hook(const std::string& directive, const std::string& body) {
    return "script-security 2\n" + directive + " " + script(directive, body) + "\n";
  }
  // Lets everything run on until nothing is left to be called.
  void settle() {
    bool idle = false;
    ASSERT_TRUE(wait_for([&] {
      hook_runner.when_idle([&] { idle = true; });
      return idle;
    }));
  }
  std::string pushed() const {
    for (const std::string& message : messages)
      if (message.starts_with("PUSH_REPLY")) return message;
    return "";
  }
  std::string out() const { return read("out"); }
  const std::string kOut = " >> " + path("out").string() + "\n";
};

TEST_F(ServerClientHooksTest, ClientConnectGivesWhatItWritesToTheFile) {
  start_server(
      hook("client-connect",
           "printf 'push \"route 10.99.0.0 255.255.0.0\"\\nifconfig-push 10.8.0.77 255.255.255.0\\n' > "
           "\"$1\"\n[ \"$1\" = \"$client_connect_config_file\" ]\n"));
  ASSERT_TRUE(connect());
  EXPECT_THAT(pushed(), HasSubstr("route 10.99.0.0 255.255.0.0"));
  EXPECT_THAT(pushed(), HasSubstr("ifconfig 10.8.0.77 255.255.255.0"));
  EXPECT_EQ(addresses->route_table()->find(*tunio::IpAddress::parse("10.8.0.77")), alice().index());
  EXPECT_FALSE(addresses->route_table()->find(*tunio::IpAddress::parse("10.8.0.2"))) << "of the pool";
}

TEST_F(ServerClientHooksTest, ClientConnectThatFailsKeepsTheClientOutAndIsNotFollowedByDisconnect) {
  start_server(hook("client-connect", "exit 1\n") + hook("client-disconnect", "echo left" + kOut));
  start_client();
  ASSERT_TRUE(talk_until([this] { return left.has_value(); }));
  EXPECT_TRUE(heard("AUTH_FAILED"));
  EXPECT_FALSE(connected());
  EXPECT_THAT(log(), HasSubstr("client-connect exited with status 1"));
  settle();
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(ServerClientHooksTest, ClientConnectMayDisable) {
  start_server(hook("client-connect", "echo disable > \"$1\"\n"));
  start_client();
  ASSERT_TRUE(talk_until([this] { return left.has_value(); }));
  EXPECT_TRUE(heard("AUTH_FAILED"));
}

TEST_F(ServerClientHooksTest, ClientConnectMayPutItsAnswerOff) {
  start_server(
      hook("client-connect",
           "printf 2 > \"$client_connect_deferred_file\"\necho \"$client_connect_deferred_file\" > " +
               path("file").string() + "\n"));
  start_client();
  ASSERT_TRUE(talk_until([this] { return !read("file").empty(); }));
  EXPECT_FALSE(connected());
  std::string file = read("file");
  file.pop_back();
  write(std::filesystem::path(file).filename().string(), "1");
  EXPECT_TRUE(talk_until([this] { return connected(); }));
}

TEST_F(ServerClientHooksTest, ClientConnectMayPutARefusalOff) {
  start_server(hook(
      "client-connect",
      "f=$client_connect_deferred_file\nprintf 2 > $f\n(sleep 0.1; printf 0 > $f) > /dev/null 2>&1 &\n"));
  start_client();
  ASSERT_TRUE(talk_until([this] { return left.has_value(); }));
  EXPECT_TRUE(heard("AUTH_FAILED"));
}

TEST_F(ServerClientHooksTest, ClientDisconnectLearnsOfTrafficAndTime) {
  start_server(
      hook("client-disconnect",
           "echo \"$common_name $bytes_received $bytes_sent ${time_duration:+timed} $trusted_ip\"" + kOut));
  ASSERT_TRUE(connect());
  const TrafficTotals passed = alice().traffic();
  alice().withdraw();
  settle();
  EXPECT_EQ(out(), "alice " + std::to_string(passed.bytes_received) + " " +
                       std::to_string(passed.bytes_sent) + " timed 198.51.100.1\n");
}

TEST_F(ServerClientHooksTest, LearnAddressHearsOfAddressesInOrder) {
  start_server(hook("learn-address", "echo $*" + kOut));
  ASSERT_TRUE(connect());
  alice().withdraw();
  EXPECT_TRUE(wait_for([this] { return out().find("delete") != std::string::npos; }));
  EXPECT_EQ(out(), "add 10.8.0.2 alice\ndelete 10.8.0.2\n");
}

TEST_F(ServerClientHooksTest, AnAddressThatLearnAddressRefusesIsNotRouted) {
  start_server(hook("learn-address", "[ \"$2\" != 10.8.0.2 ]\n"));
  ASSERT_TRUE(connect());
  EXPECT_FALSE(addresses->route_table()->find(*tunio::IpAddress::parse("10.8.0.2")));
  EXPECT_THAT(log(), HasSubstr("refused by learn-address"));
}

TEST_F(ServerClientHooksTest, TlsVerifyIsAskedFromTheRootDownBeforeThePassword) {
  start_server(hook("tls-verify", "echo \"$1 $2 $tls_id_0\"" + kOut));
  ASSERT_TRUE(connect());
  EXPECT_THAT(out(), testing::StartsWith("1 "));
  EXPECT_THAT(out(), HasSubstr("\n0 "));
  EXPECT_THAT(out(), HasSubstr("CN=alice"));
}

TEST_F(ServerClientHooksTest, TlsVerifyThatFailsEndsTheSessionWithoutAWord) {
  start_server(hook("tls-verify", "[ $1 = 1 ]\n"));
  start_client();
  ASSERT_TRUE(talk_until([this] { return left.has_value(); }));
  EXPECT_THAT(*left, HasSubstr("tls-verify exited with status 1"));
  EXPECT_THAT(messages, IsEmpty());
}

TEST_F(ServerClientHooksTest, TlsExportCertHandsTheCertificateOverAsAFile) {
  std::filesystem::create_directory(path("certs"));
  start_server(hook("tls-verify", "[ $1 = 1 ] || head -1 \"$peer_cert\"" + kOut) + "tls-export-cert " +
               path("certs").string() + "\n");
  ASSERT_TRUE(connect());
  EXPECT_EQ(out(), "-----BEGIN CERTIFICATE-----\n");
  EXPECT_TRUE(std::filesystem::is_empty(path("certs"))) << "the file stayed";
}

TEST_F(ServerClientHooksTest, ClientCrresponseGetsTheAnswerAndWhereToDecide) {
  start_server("script-security 2\nauth-user-pass-verify " + script("verify", "exit 2\n") + " via-file\n" +
               hook("client-crresponse", "cat \"$1\"" + kOut + "printf 1 > \"$auth_control_file\"\n"));
  start_client({.username = "alice", .password = "x"});
  ASSERT_TRUE(talk_until([this] { return heard("AUTH_PENDING"); }));
  client_sends("CR_RESPONSE,MTIz");
  EXPECT_TRUE(talk_until([this] { return connected(); }));
  EXPECT_EQ(out(), "MTIz");
}

}  // namespace
}  // namespace vpnd::control
