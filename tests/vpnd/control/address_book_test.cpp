#include "vpnd/control/address_book.hpp"

#include <gmock/gmock.h>

#include "tests/vpnd/config/support.hpp"
#include "tests/vpnd/host/temporary_folder.hpp"

namespace vpnd::control {
namespace {

using routing::PeerIndex;
using testing::HasSubstr;
using testing::IsEmpty;

tunio::IpAddress ip(std::string_view text) {
  return tunio::IpAddress::parse(text).value();
}
tunio::Prefix prefix(std::string_view text) {
  return tunio::Prefix::parse(text).value();
}

class AddressBookTest : public host::TemporaryFolder {
 protected:
  void configure(const std::string& lines, const std::string& network = "server 10.8.0.0 255.255.255.248\n") {
    book.reset();
    options = config::testing::load_text(network + "ca ca.crt\ncert my.crt\nkey my.key\n" + lines).options;
    book.emplace(options);
  }
  Assignment assigned(const std::string& name, std::uint32_t peer, const config::ClientConfig& client = {}) {
    auto [assignment, refusal] = book->assign(name, client, PeerIndex{peer});
    EXPECT_EQ(refusal, "");
    return assignment.value_or(Assignment());
  }
  std::string refusal(const std::string& name, std::uint32_t peer, const config::ClientConfig& client = {}) {
    return book->assign(name, client, PeerIndex{peer}).refusal;
  }
  std::optional<PeerIndex> owner(std::string_view address) { return book->route_table()->find(ip(address)); }

  static config::ClientConfig fixed(std::string_view address) {
    config::ClientConfig client;
    client.address = {ip(address), ip("255.255.255.0")};
    return client;
  }

  config::Options options;
  std::optional<AddressBook> book;
};

TEST_F(AddressBookTest, GivesEachClientAnAddressThatLeadsToIt) {
  configure("server-ipv6 fd00::/64\n");
  const Assignment alice = assigned("alice", 7);
  const Assignment bob = assigned("bob", 8);
  EXPECT_EQ(alice.ipv4, ip("10.8.0.2"));
  EXPECT_EQ(alice.netmask_or_peer, ip("255.255.255.248"));
  EXPECT_EQ(alice.ipv6, prefix("fd00::1000/64"));
  EXPECT_EQ(alice.ipv6_gateway, ip("fd00::1"));
  EXPECT_EQ(bob.ipv4, ip("10.8.0.3"));
  EXPECT_EQ(owner("10.8.0.2"), PeerIndex{7});
  EXPECT_EQ(owner("fd00::1000"), PeerIndex{7});
  EXPECT_EQ(owner("10.8.0.3"), PeerIndex{8});
  EXPECT_EQ(owner("10.8.0.4"), std::nullopt);
}

TEST_F(AddressBookTest, GivesEachClientALineOfItsOwnInNet30) {
  configure("topology net30\n", "server 10.8.0.0 255.255.255.0\n");
  const Assignment alice = assigned("alice", 7);
  const Assignment bob = assigned("bob", 8);
  EXPECT_EQ(alice.ipv4, ip("10.8.0.6"));
  EXPECT_EQ(alice.netmask_or_peer, ip("10.8.0.5"));
  EXPECT_EQ(bob.ipv4, ip("10.8.0.10"));
  EXPECT_EQ(bob.netmask_or_peer, ip("10.8.0.9"));
  EXPECT_EQ(owner("10.8.0.6"), PeerIndex{7});
}

TEST_F(AddressBookTest, GivesClientsLinesToOneAddressInP2p) {
  configure("topology p2p\n", "server 10.8.0.0 255.255.255.0\n");
  const Assignment alice = assigned("alice", 7);
  EXPECT_EQ(alice.ipv4, ip("10.8.0.4"));
  EXPECT_EQ(alice.netmask_or_peer, ip("10.8.0.1"));
  EXPECT_EQ(assigned("bob", 8).ipv4, ip("10.8.0.5"));
}

TEST_F(AddressBookTest, TakesBackWhatItGave) {
  configure("");
  const Assignment alice = assigned("alice", 7);
  book->release(alice, PeerIndex{7});
  EXPECT_EQ(owner("10.8.0.2"), std::nullopt);
  EXPECT_EQ(assigned("alice", 9).ipv4, alice.ipv4);
}

TEST_F(AddressBookTest, RefusesWhomThePoolHasNoAddressFor) {
  configure("");
  for (std::uint32_t i = 0; i < 5; ++i) assigned("client" + std::to_string(i), i);  // .2 to .6
  EXPECT_THAT(refusal("one more", 6), HasSubstr("no free address in the pool"));
}

TEST_F(AddressBookTest, PrefersTheAddressesOfTheClientsFile) {
  configure("server-ipv6 fd00::/64\n");
  config::ClientConfig client = fixed("10.8.0.5");
  client.address_ipv6 = {prefix("fd00::77/64"), ip("fd00::99")};
  const Assignment alice = assigned("alice", 7, client);
  EXPECT_EQ(alice.ipv4, ip("10.8.0.5"));
  EXPECT_EQ(alice.netmask_or_peer, ip("255.255.255.0"));
  EXPECT_EQ(alice.ipv6, prefix("fd00::77/64"));
  EXPECT_EQ(alice.ipv6_gateway, ip("fd00::99"));
  EXPECT_FALSE(alice.lease);
  EXPECT_EQ(owner("10.8.0.5"), PeerIndex{7});
  for (std::uint32_t i = 0; i < 3; ++i)
    EXPECT_NE(assigned("c" + std::to_string(i), 10 + i).ipv4, ip("10.8.0.5"));
}

TEST_F(AddressBookTest, TakesTheOtherFamilyFromThePool) {
  configure("server-ipv6 fd00::/64\n");
  const Assignment alice = assigned("alice", 7, fixed("10.8.0.5"));
  EXPECT_EQ(alice.ipv6, prefix("fd00::1000/64"));
  EXPECT_TRUE(alice.lease);
}

TEST_F(AddressBookTest, RefusesAFixedAddressThatSomebodyHas) {
  configure("");
  assigned("alice", 7);  // 10.8.0.2
  EXPECT_EQ(refusal("bob", 8, fixed("10.8.0.2")), "its fixed address 10.8.0.2 is in use by another client");
  EXPECT_EQ(owner("10.8.0.2"), PeerIndex{7});
}

TEST_F(AddressBookTest, EntersTheNetworksBehindAClientUntilItLeaves) {
  configure("");
  config::ClientConfig client;
  client.networks = {prefix("192.168.40.0/24"), prefix("fd40::/48")};
  const Assignment alice = assigned("alice", 7, client);
  EXPECT_EQ(owner("192.168.40.9"), PeerIndex{7});
  EXPECT_EQ(owner("fd40::9"), PeerIndex{7});
  book->release(alice, PeerIndex{7});
  EXPECT_EQ(owner("192.168.40.9"), std::nullopt);
}

TEST_F(AddressBookTest, RemembersAddressesOverARestart) {
  const std::string persist = "ifconfig-pool-persist " + path("pool").string() + "\n";
  configure(persist);
  assigned("alice", 1);
  assigned("bob", 2);
  configure(persist);  // the former book has written its file
  EXPECT_EQ(assigned("bob", 1).ipv4, ip("10.8.0.3"));
  EXPECT_EQ(assigned("alice", 2).ipv4, ip("10.8.0.2"));
  EXPECT_THAT(book->take_warnings(), IsEmpty());
}

TEST_F(AddressBookTest, NeverWritesAFileThatIsToBeReadOnly) {
  write("pool", "alice,10.8.0.4,\nnonsense\n");
  configure("ifconfig-pool-persist " + path("pool").string() + " 0\n");
  EXPECT_EQ(book->take_warnings().size(), 1U);
  EXPECT_EQ(assigned("bob", 1).ipv4, ip("10.8.0.2"));
  EXPECT_EQ(assigned("alice", 2).ipv4, ip("10.8.0.4"));
  book->save();
  book.reset();
  EXPECT_EQ(read("pool"), "alice,10.8.0.4,\nnonsense\n");
}

}  // namespace
}  // namespace vpnd::control
