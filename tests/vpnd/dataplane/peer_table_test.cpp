#include "vpnd/dataplane/peer_table.hpp"

#include <gtest/gtest.h>

#include "tests/vpnd/dataplane/end.hpp"

namespace vpnd::dataplane {
namespace {

using test::endpoint;

const tunio::Endpoint kHere = endpoint("192.0.2.1", 1194);
const tunio::Endpoint kThere = endpoint("192.0.2.2", 1194);

Peer& add(PeerTable& table, std::uint32_t index, const Link& link) {
  return table.add({PeerIndex{index}, link, {}, std::make_shared<TrafficCounters>()}, proto::TimePoint{});
}

TEST(PeerTable, FindsAServersPeersByPeerIdAndAddress) {
  PeerTable table(crypto::Role::server);
  Peer& first = add(table, 3, {kHere, std::nullopt});
  Peer& second = add(table, 5, {kThere, std::nullopt});
  EXPECT_EQ(table.find(proto::PeerId{3}), &first);
  EXPECT_EQ(table.find(proto::PeerId{5}), &second);
  EXPECT_EQ(table.find(proto::PeerId{4}), nullptr);
  EXPECT_EQ(table.find(proto::PeerId{6}), nullptr);
  EXPECT_EQ(table.find(kHere), &first);
  EXPECT_EQ(table.find(kThere), &second);
  EXPECT_EQ(table.find(endpoint("192.0.2.1", 1195)), nullptr);
}

TEST(PeerTable, FindsAPeerOnAStreamByTheStreamAlone) {
  PeerTable table(crypto::Role::server);
  Peer& peer = add(table, 0, {kHere, tunio::StreamId{9}});
  EXPECT_EQ(table.find(tunio::StreamId{9}), &peer);
  EXPECT_EQ(table.find(tunio::StreamId{8}), nullptr);
  EXPECT_EQ(table.find(kHere), nullptr);
}

TEST(PeerTable, TakesEverythingForAClientsOnlyPeer) {
  PeerTable table(crypto::Role::client);
  EXPECT_EQ(table.find(proto::PeerId{7}), nullptr);
  Peer& server = add(table, 0, {kHere, std::nullopt});
  EXPECT_EQ(table.find(proto::PeerId{7}), &server);
  EXPECT_EQ(table.find(kThere), &server);
}

// Two ends without a server agree on a random peer id, which is nobody's place in the table.
TEST(PeerTable, KnowsWhoHasAClientsOnlyPeer) {
  PeerTable table(crypto::Role::client);
  EXPECT_EQ(table.remote(proto::PeerId{6141266}), nullptr);
  table.add_remote({PeerIndex{0}, WorkerId{1}, kHere});
  const PeerTable::Remote* const server = table.remote(PeerIndex{0});
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(table.remote(proto::PeerId{6141266}), server);
  EXPECT_EQ(table.remote(kThere), server);
}

TEST(PeerTable, KnowsWhoHasAServersPeerByPeerIdAndAddress) {
  PeerTable table(crypto::Role::server);
  table.add_remote({PeerIndex{3}, WorkerId{1}, kHere});
  const PeerTable::Remote* const peer = table.remote(PeerIndex{3});
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(table.remote(proto::PeerId{3}), peer);
  EXPECT_EQ(table.remote(proto::PeerId{4}), nullptr);
  EXPECT_EQ(table.remote(kHere), peer);
  EXPECT_EQ(table.remote(kThere), nullptr);
}

TEST(PeerTable, ForgetsWhereARemovedPeerWas) {
  PeerTable table(crypto::Role::server);
  add(table, 1, {kHere, std::nullopt});
  add(table, 2, {kThere, tunio::StreamId{4}});
  table.remove(PeerIndex{1});
  table.remove(PeerIndex{2});
  table.remove(PeerIndex{99});
  EXPECT_EQ(table.find(proto::PeerId{1}), nullptr);
  EXPECT_EQ(table.find(kHere), nullptr);
  EXPECT_EQ(table.find(tunio::StreamId{4}), nullptr);
}

TEST(PeerTable, ReplacesWhoeverHadTheIndex) {
  PeerTable table(crypto::Role::server);
  add(table, 1, {kHere, std::nullopt});
  Peer& second = add(table, 1, {kThere, std::nullopt});
  EXPECT_EQ(table.at(PeerIndex{1}), &second);
  EXPECT_EQ(table.find(kHere), nullptr);
  EXPECT_EQ(table.find(kThere), &second);
}

TEST(PeerTable, MovesAPeerToAnotherAddress) {
  PeerTable table(crypto::Role::server);
  Peer& peer = add(table, 1, {kHere, std::nullopt});
  table.move(peer, kThere);
  EXPECT_EQ(peer.link.endpoint, kThere);
  EXPECT_EQ(table.find(kThere), &peer);
  EXPECT_EQ(table.find(kHere), nullptr);
}

TEST(PeerTable, LeavesAnAddressToThePeerThatTookItOver) {
  PeerTable table(crypto::Role::server);
  Peer& former = add(table, 1, {kHere, std::nullopt});
  Peer& present = add(table, 2, {kHere, std::nullopt});
  EXPECT_EQ(table.find(kHere), &present);
  table.move(former, kThere);
  EXPECT_EQ(table.find(kHere), &present);
  table.remove(PeerIndex{1});
  EXPECT_EQ(table.find(kHere), &present);
  EXPECT_EQ(table.find(kThere), nullptr);
}

Peer& add_lane(PeerTable& table, std::uint32_t session, std::uint32_t lane, const tunio::Endpoint& at) {
  return table.add({.index = PeerIndex{session + lane},
                    .link = {at, std::nullopt},
                    .settings = {},
                    .counters = std::make_shared<TrafficCounters>(),
                    .session = PeerIndex{session}},
                   proto::TimePoint{});
}

TEST(PeerTable, KnowsWhichLaneOfASessionTheWorkerHas) {
  PeerTable table(crypto::Role::server);
  Peer& alone = add(table, 3, {kHere, std::nullopt});
  Peer& lane = add_lane(table, 4, 1, tunio::Endpoint());
  EXPECT_TRUE(alone.is_first_lane());
  EXPECT_FALSE(lane.is_first_lane());
  EXPECT_EQ(lane.lane(), proto::LaneNumber{1});
  EXPECT_EQ(table.lane_of(PeerIndex{3}), &alone);
  EXPECT_EQ(table.lane_of(PeerIndex{4}), &lane);
  EXPECT_EQ(table.lane_of(PeerIndex{5}), nullptr) << "5 is a lane and names no session";
  EXPECT_EQ(table.at(PeerIndex{4}), nullptr);
  EXPECT_EQ(table.find(proto::PeerId{5}), &lane);

  table.remove(PeerIndex{5});
  EXPECT_EQ(table.lane_of(PeerIndex{4}), nullptr);
}

TEST(PeerTable, PrefersTheFirstOfTwoLanes) {
  PeerTable table(crypto::Role::server);
  add_lane(table, 4, 1, kThere);
  Peer& first = add_lane(table, 4, 0, kHere);
  add_lane(table, 4, 2, kThere);
  EXPECT_EQ(table.lane_of(PeerIndex{4}), &first);
  table.remove(PeerIndex{5});
  EXPECT_EQ(table.lane_of(PeerIndex{4}), &first);
}

TEST(PeerTable, FindsByAddressOnlyTheFirstLane) {
  PeerTable table(crypto::Role::server);
  Peer& lane = add_lane(table, 4, 1, kHere);
  EXPECT_EQ(table.find(kHere), nullptr);
  Peer& other = add(table, 1, {kHere, std::nullopt});
  table.move(lane, kThere);
  EXPECT_EQ(table.find(kHere), &other);
  EXPECT_EQ(table.find(kThere), nullptr);
}

TEST(PeerTable, TakesEverythingForTheLaneThatAClientsWorkerHas) {
  PeerTable table(crypto::Role::client);
  Peer& lane = add_lane(table, 0, 2, kHere);
  EXPECT_EQ(table.find(proto::PeerId{9}), &lane);
  EXPECT_EQ(table.lane_of(PeerIndex{0}), &lane);
}

TEST(PeerTable, VisitsEveryPeerOnce) {
  PeerTable table(crypto::Role::server);
  for (const std::uint32_t index : {0U, 2U, 7U}) add(table, index, {kHere, tunio::StreamId{index}});
  table.remove(PeerIndex{2});
  std::vector<std::uint32_t> visited;
  table.for_each([&](Peer& peer) { visited.push_back(peer.index.value); });
  EXPECT_EQ(visited, (std::vector<std::uint32_t>{0, 7}));
}

}  // namespace
}  // namespace vpnd::dataplane
