// The data path with other threads that seal and open: what comes out is what comes out without them.

#include <gtest/gtest.h>

#include "crypto/crypto_pool.hpp"
#include "tests/vpnd/dataplane/end.hpp"
#include "tunio/memory_io.hpp"

namespace vpnd::dataplane {
namespace {

using test::Bytes;

constexpr std::uint32_t kClients = 40;
constexpr proto::KeyId kKey{0};

tunio::IpAddress inner_address(std::uint32_t client) {
  return tunio::IpAddress::v4(0x0a080000 + 10 + client);
}
tunio::Endpoint outer_address(std::uint32_t client) {
  return test::endpoint("198.51.100.1", static_cast<std::uint16_t>(4000 + client));
}

// A server with many clients. Each client is a data path of its own, without help.
class CryptoHelp : public testing::TestWithParam<bool> {
 protected:
  struct Client {
    tunio::MemoryIo io;
    test::End end{io, {.role = crypto::Role::client}};
  };

  CryptoHelp() {
    PeerSettings settings;
    if (GetParam()) settings.batch = BatchSettings{1448};
    routing::RouteTableBuilder routes;
    for (std::uint32_t i = 0; i < kClients; ++i) {
      auto& client = *clients.emplace_back(std::make_unique<Client>());
      const proto::PeerId id{i};
      client.end.add_key(client.end.add_peer(0, {server_at, std::nullopt}, settings), kKey, id);
      server.add_key(server.add_peer(i, {outer_address(i), std::nullopt}, settings), kKey, id);
      routes.add(tunio::Prefix{inner_address(i), 32}, PeerIndex{i});
    }
    server.set_routes(routes.build());
  }

  // A packet between a client and a host behind the server, told apart by its number.
  static Bytes packet(const tunio::IpAddress& from, const tunio::IpAddress& to, std::uint16_t number) {
    return test::between(
        tunio::test::Udp{.ip_id = number, .payload = tunio::test::pattern(900, number)}.packet(), from, to);
  }

  const tunio::IpAddress host = test::address("10.9.0.1");
  const tunio::Endpoint server_at = test::endpoint("192.0.2.1", 1194);
  crypto::CryptoPool pool{{.helpers = 3, .forks = 1, .bytes_per_helper = 1000}};
  tunio::MemoryIo server_io;
  test::End server{server_io, {.role = crypto::Role::server, .help = &pool.fork(0)}};
  std::vector<std::unique_ptr<Client>> clients;
};
INSTANTIATE_TEST_SUITE_P(StockAndBatches, CryptoHelp, testing::Bool());

TEST_P(CryptoHelp, DeliversWhatManyClientsSendInTheOrderInWhichItCame) {
  constexpr std::uint16_t kRounds = 20;
  for (std::uint16_t round = 0; round < kRounds; ++round) {
    std::vector<Bytes> sent;
    for (std::uint32_t i = 0; i < kClients; ++i) {
      for (std::uint16_t n = 0; n < 5; ++n) {
        sent.push_back(packet(inner_address(i), host, static_cast<std::uint16_t>(round * 100 + n)));
        clients[i]->io.tun_gives(sent.back());
      }
      clients[i]->end.turn();
      for (const auto& run : clients[i]->io.take_sent())
        server_io.udp_gives(outer_address(i), run.bytes, run.segment_size);
    }
    server.turn();
    std::vector<Bytes> received;
    for (auto& written : server_io.take_written()) received.push_back(std::move(written.packet));
    ASSERT_EQ(received, sent) << "round " << round;
  }
  EXPECT_EQ(server.dropped(), 0U);
}

TEST_P(CryptoHelp, SendsToEachClientWhatIsForIt) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<Bytes>> sent(kClients);
    for (std::uint16_t n = 0; n < 5; ++n) {
      for (std::uint32_t i = 0; i < kClients; ++i) {
        sent[i].push_back(packet(host, inner_address(i), n));
        server_io.tun_gives(sent[i].back());
      }
    }
    server.turn();
    for (const auto& run : server_io.take_sent()) {
      const auto client = static_cast<std::uint32_t>(run.to.port() - 4000);
      clients.at(client)->io.udp_gives(server_at, run.bytes, run.segment_size);
    }
    for (std::uint32_t i = 0; i < kClients; ++i) {
      clients[i]->end.turn();
      std::vector<Bytes> received;
      for (auto& written : clients[i]->io.take_written()) received.push_back(std::move(written.packet));
      ASSERT_EQ(received, sent[i]) << "client " << i;
      EXPECT_EQ(clients[i]->end.dropped(), 0U);
    }
  }
  EXPECT_EQ(server.dropped(), 0U);
}

}  // namespace
}  // namespace vpnd::dataplane
