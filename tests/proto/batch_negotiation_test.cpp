#include "proto/batch_negotiation.hpp"

#include <gtest/gtest.h>

namespace vpnd::proto {
namespace {

PeerInfo client_that_says(const std::string& lines) {
  return PeerInfo::parse("IV_PROTO=2\n" + lines);
}

TEST(BatchNegotiation, FindsWhatAClientAnnounces) {
  EXPECT_EQ(find_batch_offer(client_that_says("IV_VPND=1:4\n")), BatchTerms{4});
  EXPECT_EQ(find_batch_offer(client_that_says("IV_VPND=" + format_batch_offer({16}) + "\n")), BatchTerms{16});
}

TEST(BatchNegotiation, TakesNonsenseForNoOffer) {
  for (const std::string value :
       {"", "1", "1:", ":4", "1:0", "1:17", "2:4", "0:4", "1:4 ", "1:-4", "1:4:4", "1:x"}) {
    EXPECT_FALSE(find_batch_offer(client_that_says("IV_VPND=" + value + "\n"))) << value;
  }
  EXPECT_FALSE(find_batch_offer(client_that_says("IV_VER=2.6.14\n")));
}

TEST(BatchNegotiation, NeedsPeerIds) {
  EXPECT_FALSE(find_batch_offer(PeerInfo::parse("IV_PROTO=0\nIV_VPND=1:4\n")));
}

TEST(BatchNegotiation, AgreesOnAsManyLanesAsBothHave) {
  EXPECT_EQ(choose_batch_terms({4}, 2), BatchTerms{2});
  EXPECT_EQ(choose_batch_terms({2}, 4), BatchTerms{2});
  EXPECT_EQ(choose_batch_terms({16}, 64), BatchTerms{16});
  EXPECT_EQ(choose_batch_terms({4}, 0), BatchTerms{1});
}

TEST(BatchNegotiation, PushesWhatTheClientAccepts) {
  EXPECT_EQ(format_batch_push({3}), "vpnd-batch 1 3");
  EXPECT_EQ(accept_batch_push(1, 3, PeerId{7}, {4}), BatchTerms{3});
}

TEST(BatchNegotiation, AcceptsOnlyWhatWasOffered) {
  EXPECT_FALSE(accept_batch_push(2, 3, PeerId{7}, {4}));
  EXPECT_FALSE(accept_batch_push(1, 5, PeerId{7}, {4}));
  EXPECT_FALSE(accept_batch_push(1, 0, PeerId{7}, {4}));
}

TEST(BatchNegotiation, AcceptsOnlyLanesThatHaveAPeerId) {
  EXPECT_EQ(accept_batch_push(1, 4, PeerId{kNoPeer.value - 4}, {4}), BatchTerms{4});
  EXPECT_FALSE(accept_batch_push(1, 4, PeerId{kNoPeer.value - 3}, {4}));
  EXPECT_FALSE(accept_batch_push(1, 1, kNoPeer, {4}));
}

}  // namespace
}  // namespace vpnd::proto
