#include "vpnd/control/remote_list.hpp"

#include <gmock/gmock.h>

#include <set>

#include "tests/vpnd/config/support.hpp"

namespace vpnd::control {
namespace {

using std::chrono::seconds;

config::ClientOptions client(const std::string& lines) {
  return config::testing::load_text("client\nca ca.crt\nauth-user-pass\nremote-cert-tls server\n" + lines)
      .options.client;
}

TEST(RemoteList, GoesRoundInTheOrderOfTheFile) {
  RemoteList remotes(client("remote a\nremote b\nremote c\n"));
  std::string order;
  for (int i = 0; i < 7; ++i, remotes.advance()) order += remotes.current().host;
  EXPECT_EQ(order, "abcabca");
}

TEST(RemoteList, WaitsLongerAfterFiveRoundsAndNeverLongerThanToldTo) {
  RemoteList remotes(client("remote a\nremote b\nconnect-retry 2 30\n"));
  std::vector<seconds> waits;
  for (int round = 0; round < 11; ++round) {
    waits.push_back(remotes.wait());
    remotes.advance();
    remotes.advance();
  }
  EXPECT_THAT(waits,
              testing::ElementsAre(seconds(2), seconds(2), seconds(2), seconds(2), seconds(2), seconds(4),
                                   seconds(8), seconds(16), seconds(30), seconds(30), seconds(30)));
  for (int i = 0; i < 200; ++i) remotes.advance();
  EXPECT_EQ(remotes.wait(), seconds(30));
  remotes.connected();
  EXPECT_EQ(remotes.wait(), seconds(2));
}

TEST(RemoteList, IsExhaustedAfterSoManyRoundsWithoutAConnection) {
  RemoteList remotes(client("remote a\nremote b\nconnect-retry-max 2\n"));
  for (int i = 0; i < 3; ++i) remotes.advance();
  EXPECT_FALSE(remotes.exhausted());
  remotes.connected();  // counts anew
  for (int i = 0; i < 2; ++i) remotes.advance();
  EXPECT_FALSE(remotes.exhausted());
  remotes.advance();
  EXPECT_TRUE(remotes.exhausted());
}

TEST(RemoteList, NeverGivesUpUnlessToldTo) {
  RemoteList remotes(client("remote a\n"));
  for (int i = 0; i < 1000; ++i) remotes.advance();
  EXPECT_FALSE(remotes.exhausted());
}

TEST(RemoteList, ShufflesWithoutLosingAny) {
  std::string lines = "remote-random\n";
  std::set<std::string> hosts, met;
  for (char host = 'a'; host <= 'p'; ++host) {
    lines += std::string("remote ") + host + "\n";
    hosts.insert({host});
  }
  std::string first_order;
  RemoteList remotes(client(lines));
  for (int i = 0; i < 16; ++i, remotes.advance()) {
    met.insert(remotes.current().host);
    first_order += remotes.current().host;
  }
  EXPECT_EQ(met, hosts);
  std::string second_order;
  for (int i = 0; i < 16; ++i, remotes.advance()) second_order += remotes.current().host;
  EXPECT_EQ(second_order, first_order);  // shuffled once, not in each round
}

}  // namespace
}  // namespace vpnd::control
