#include "vpnd/control/proxy_dialogue.hpp"

#include <gmock/gmock.h>

namespace vpnd::control {
namespace {

using State = ProxyDialogue::State;
using testing::HasSubstr;

config::ProxyOptions http() {
  config::ProxyOptions proxy;
  proxy.kind = config::ProxyKind::http;
  return proxy;
}

config::ProxyOptions socks() {
  config::ProxyOptions proxy;
  proxy.kind = config::ProxyKind::socks5;
  return proxy;
}

config::ProxyOptions with_login(config::ProxyOptions proxy) {
  proxy.credentials = config::ProxyCredentials{"Aladdin", config::SensitiveText("open sesame")};
  return proxy;
}

std::string said(ProxyDialogue& dialogue) {
  return std::string(dialogue.take_output().expose());
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

TEST(ProxyDialogue, AsksAnHttpProxyForTheServer) {
  config::ProxyOptions proxy = http();
  proxy.http_agent = "agent";
  proxy.http_headers = {{"X-Site", "north"}};
  ProxyDialogue dialogue(proxy, "vpn.example.org", 443);
  EXPECT_EQ(said(dialogue),
            "CONNECT vpn.example.org:443 HTTP/1.0\r\nHost: vpn.example.org:443\r\nUser-Agent: agent\r\n"
            "X-Site: north\r\n\r\n");
  dialogue.receive("HTTP/1.1 200 Connection est");
  EXPECT_EQ(dialogue.state(), State::talking);
  dialogue.receive("ablished\r\nVia: x\r\n\r\n");
  EXPECT_EQ(dialogue.state(), State::open);
}

TEST(ProxyDialogue, WritesAnIpv6AddressInBrackets) {
  const config::ProxyOptions proxy = http();
  ProxyDialogue dialogue(proxy, "fd00::1", 443);
  EXPECT_THAT(said(dialogue), HasSubstr("CONNECT [fd00::1]:443 HTTP/1.0\r\n"));
}

// RFC 7617 §2 has this pair as its example.
TEST(ProxyDialogue, AuthenticatesToAnHttpProxy) {
  const config::ProxyOptions proxy = with_login(http());
  ProxyDialogue dialogue(proxy, "a", 1);
  EXPECT_THAT(said(dialogue), HasSubstr("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
}

TEST(ProxyDialogue, SaysWhyAnHttpProxyRefuses) {
  const struct {
    std::string answer;
    const char* reason;
  } cases[] = {
      {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "add them with http-proxy-user-pass"},
      {"HTTP/1.1 403 Forbidden\x1b[2J\r\n\r\n", "\"HTTP/1.1 403 Forbidden_[2J\""},
      {"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"},
      {"HTTP/1.1 200 OK\r\n\r\nmore", "says more than its answer"},
      {std::string(20000, 'x'), "too long"},
  };
  const config::ProxyOptions proxy = http();
  for (const auto& [answer, reason] : cases) {
    ProxyDialogue dialogue(proxy, "a", 1);
    dialogue.receive(answer);
    EXPECT_EQ(dialogue.state(), State::refused) << reason;
    EXPECT_THAT(dialogue.reason(), HasSubstr(reason));
  }
}

TEST(ProxyDialogue, TalksToASocksProxy) {
  const config::ProxyOptions proxy = socks();
  ProxyDialogue dialogue(proxy, "vpn", 443);
  EXPECT_EQ(said(dialogue), bytes({5, 1, 0}));
  dialogue.receive(bytes({5, 0}));
  EXPECT_EQ(said(dialogue), bytes({5, 1, 0, 3, 3, 'v', 'p', 'n', 1, 0xbb}));
  dialogue.receive(bytes({5, 0, 0, 1, 10, 0}));
  EXPECT_EQ(dialogue.state(), State::talking);
  dialogue.receive(bytes({0, 1, 4, 0}));
  EXPECT_EQ(dialogue.state(), State::open);
}

TEST(ProxyDialogue, AuthenticatesToASocksProxyAndNamesAnAddress) {
  const config::ProxyOptions proxy = with_login(socks());
  ProxyDialogue dialogue(proxy, "10.0.0.9", 1194);
  EXPECT_EQ(said(dialogue), bytes({5, 2, 0, 2}));
  dialogue.receive(bytes({5, 2}));
  EXPECT_EQ(said(dialogue), bytes({1, 7}) + "Aladdin" + bytes({11}) + "open sesame");
  dialogue.receive(bytes({1, 0}));
  EXPECT_EQ(said(dialogue), bytes({5, 1, 0, 1, 10, 0, 0, 9, 4, 0xaa}));
  dialogue.receive(bytes({5, 0, 0, 3, 1, 'x', 0, 80}));
  EXPECT_EQ(dialogue.state(), State::open);
}

TEST(ProxyDialogue, AsksASocksProxyForAWayOfDatagrams) {
  const config::ProxyOptions proxy = socks();
  const struct {
    std::string answer;
    std::string relay;
  } cases[] = {
      {bytes({5, 0, 0, 1, 192, 0, 2, 9, 4, 1}), "192.0.2.9:1025"},
      {bytes({5, 0, 0, 1, 0, 0, 0, 0, 4, 1}), "0.0.0.0:1025"},
      {bytes({5, 0, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 1}), "[fd00::1]:1025"}};
  for (const auto& [answer, relay] : cases) {
    ProxyDialogue dialogue(proxy, "vpn", 1194, ProxyDialogue::Wanted::datagrams);
    (void)said(dialogue);
    dialogue.receive(bytes({5, 0}));
    EXPECT_EQ(said(dialogue), bytes({5, 3, 0, 1, 0, 0, 0, 0, 0, 0}));
    dialogue.receive(answer);
    EXPECT_EQ(dialogue.state(), State::open);
    EXPECT_EQ(dialogue.relay().format(), relay);
  }
}

TEST(ProxyDialogue, WantsToKnowWhereASocksProxyTakesDatagrams) {
  const config::ProxyOptions proxy = socks();
  for (const std::string& answer :
       {bytes({5, 0, 0, 3, 1, 'x', 4, 1}), bytes({5, 0, 0, 1, 192, 0, 2, 9, 0, 0})}) {
    ProxyDialogue dialogue(proxy, "vpn", 1194, ProxyDialogue::Wanted::datagrams);
    dialogue.receive(bytes({5, 0}));
    dialogue.receive(answer);
    EXPECT_EQ(dialogue.state(), State::refused);
    EXPECT_THAT(dialogue.reason(), HasSubstr("where it takes datagrams"));
  }
}

TEST(ProxyDialogue, SaysWhyASocksProxyRefuses) {
  const config::ProxyOptions proxy = socks();
  const struct {
    std::vector<std::string> answers;
    const char* reason;
  } cases[] = {
      {{bytes({4, 0})}, "does not speak SOCKS 5"},
      {{bytes({5, 255})}, "add a file with them to socks-proxy"},
      {{bytes({5, 0}), bytes({5, 5, 0, 1, 0, 0, 0, 0, 0, 0})}, "connection refused"},
      {{bytes({5, 0}), bytes({5, 0, 0, 9, 0})}, "malformed"},
      {{bytes({5, 0}), bytes({5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 'x'})}, "says more than its answer"},
  };
  for (const auto& [answers, reason] : cases) {
    ProxyDialogue dialogue(proxy, "a", 1);
    for (const std::string& answer : answers) dialogue.receive(answer);
    EXPECT_EQ(dialogue.state(), State::refused) << reason;
    EXPECT_THAT(dialogue.reason(), HasSubstr(reason));
  }
}

}  // namespace
}  // namespace vpnd::control
