// What UdpSender makes of the kernel's answers. The answers are made up; datagrams go over loopback.

#include "tunio/udp_sender.hpp"

#include <netinet/in.h>

#include <cerrno>

#include "io_fixture.hpp"

namespace vpnd::tunio::test {
namespace {

class UdpSenderTest : public ::testing::Test {
 protected:
  UdpSenderTest() { sender_.set_socket(socket_.get()); }

  void push(std::size_t size, std::size_t segment_size, unsigned seed = 0,
            Fragments fragments = Fragments::as_configured) {
    Buffer buffer = pool_.take();
    const Bytes bytes = pattern(size, seed);
    std::copy(bytes.begin(), bytes.end(), buffer.data());
    sender_.push(peer_.endpoint(), std::move(buffer), size, segment_size, fragments);
  }

  /// As the io_uring engine does it: all messages out, then these answers, in order.
  void answers(std::initializer_list<int> results) {
    for (std::size_t i = 0; i < sender_.count(); ++i) ASSERT_NE(sender_.begin(i), nullptr);
    std::size_t index = 0;
    for (const int result : results) sender_.complete(index++, result);
    sender_.finish();
  }

  Bytes arrived(int datagrams) {
    Bytes joined;
    for (int i = 0; i < datagrams; ++i) {
      const Bytes datagram = peer_.receives();
      joined.insert(joined.end(), datagram.begin(), datagram.end());
    }
    return joined;
  }

  BufferPool pool_{16};
  IoCounters counters_;
  Correspondent peer_;
  UniqueFd socket_ = open_udp_socket(Correspondent::options());
  UdpSender sender_{8, Offload::on, counters_};
};

// Loopback has all of 127.0.0.0/8, so that no address needs to be added.
TEST_F(UdpSenderTest, SendsFromTheAddressOfOursThatThePeerKnows) {
  for (const char* wildcard : {"0.0.0.0", "::"}) {
    UdpOptions options;
    options.local = Endpoint::from_text(wildcard, 0);
    const UniqueFd socket = open_udp_socket(options);
    sender_.set_socket(socket.get());
    for (const std::size_t segment_size : {std::size_t{500}, std::size_t{200}}) {
      Buffer buffer = pool_.take();
      sender_.push(peer_.endpoint().met_at(*IpAddress::parse("127.0.0.7")), std::move(buffer), 500,
                   segment_size, Fragments::as_configured);
      sender_.send_queued();
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      pollfd ready{.fd = peer_.socket().get(), .events = POLLIN, .revents = 0};
      ::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
      std::byte byte;
      ASSERT_GE(
          ::recvfrom(peer_.socket().get(), &byte, 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size),
          0);
      EXPECT_EQ(Endpoint::from_sockaddr(from, size)->address(), *IpAddress::parse("127.0.0.7")) << wildcard;
      while (!peer_.has_nothing()) peer_.receives();
    }
  }
}

TEST_F(UdpSenderTest, GivesUpSegmentationForTheSocketAfterEio) {
  push(3000, 1000, 1);
  push(2000, 1000, 2);
  push(500, 500, 3);
  answers({-EIO, -EIO, 500});
  EXPECT_FALSE(sender_.segmentation());
  EXPECT_EQ(counters_.gso_fallbacks, 1u);
  EXPECT_EQ(arrived(3), pattern(3000, 1));
  EXPECT_EQ(arrived(2), pattern(2000, 2));
  EXPECT_TRUE(peer_.has_nothing()) << "the third went out with the kernel's own answer";
  EXPECT_EQ(pool_.available(), pool_.capacity());

  push(1500, 1000, 4);
  EXPECT_FALSE(sender_.single_messages());
  sender_.send_queued();
  EXPECT_EQ(arrived(2), pattern(1500, 4));
  EXPECT_EQ(counters_.gso_fallbacks, 1u);
}

TEST_F(UdpSenderTest, RemembersForADestinationWhichSegmentSizeDoesNotFit) {
  push(3000, 1000, 1);
  answers({-EMSGSIZE});
  EXPECT_EQ(arrived(3), pattern(3000, 1));
  EXPECT_TRUE(sender_.segmentation());

  push(2400, 1200, 2);
  EXPECT_FALSE(sender_.single_messages()) << "larger ones do not fit either";
  sender_.send_queued();
  push(2400, 800, 3);
  EXPECT_TRUE(sender_.single_messages()) << "smaller ones may";
  sender_.send_queued();
  EXPECT_EQ(arrived(2), pattern(2400, 2));
  EXPECT_EQ(arrived(3), pattern(2400, 3));
  EXPECT_EQ(counters_.gso_fallbacks, 1u);
}

TEST_F(UdpSenderTest, TriesTheSegmentSizeAgainAfterAWhile) {
  push(3000, 1000);
  answers({-EINVAL});
  arrived(3);
  int runs = 0;
  bool tried_again = false;
  while (!tried_again && ++runs < 10000) {
    push(1001, 1000);
    tried_again = sender_.single_messages();
    sender_.send_queued();
    arrived(2);
  }
  EXPECT_EQ(runs, 4096);
}

TEST_F(UdpSenderTest, KeepsRunsInOrderWhileTheSocketIsFull) {
  push(100, 100, 1);
  push(100, 100, 2);
  push(100, 100, 3);
  answers({100, -EAGAIN, -EAGAIN});
  EXPECT_TRUE(sender_.blocked());
  EXPECT_FALSE(sender_.has_work());
  EXPECT_EQ(sender_.count(), 2u);
  push(100, 100, 4);
  sender_.send_queued();
  EXPECT_TRUE(peer_.has_nothing());

  sender_.writable();
  EXPECT_TRUE(sender_.has_work());
  sender_.send_queued();
  for (unsigned i = 2; i <= 4; ++i) EXPECT_EQ(peer_.receives(), pattern(100, i));
  EXPECT_EQ(counters_.udp_runs_sent, 4u);
}

TEST_F(UdpSenderTest, DropsWhatComesWhileTheQueueIsFull) {
  for (unsigned i = 0; i < 8; ++i) push(100, 100, i);
  answers({-EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN});
  push(100, 100, 8);
  EXPECT_EQ(counters_.udp_send_queue_full, 1u);
  EXPECT_EQ(pool_.available(), pool_.capacity() - 8);
  sender_.writable();
  sender_.send_queued();
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(peer_.receives(), pattern(100, i));
}

TEST_F(UdpSenderTest, SendsAgainWhatAnEarlierIcmpErrorPrevented) {
  push(100, 100, 1);
  answers({-ECONNREFUSED});
  EXPECT_EQ(peer_.receives(), pattern(100, 1));
  EXPECT_EQ(counters_.udp_send_errors, 0u);
}

TEST_F(UdpSenderTest, DropsOnlyTheRunThatHasNoRoute) {
  push(100, 100, 1);
  push(100, 100, 2);
  answers({-ENETUNREACH, 100});
  EXPECT_EQ(counters_.udp_send_errors, 1u);
  EXPECT_EQ(counters_.udp_runs_sent, 1u);
  EXPECT_EQ(sender_.count(), 0u);
  EXPECT_EQ(pool_.available(), pool_.capacity());
}

TEST_F(UdpSenderTest, CountsASingleDatagramThatIsTooLarge) {
  push(100, 100);
  answers({-EMSGSIZE});
  EXPECT_EQ(counters_.udp_send_oversized, 1u);
  EXPECT_EQ(counters_.gso_fallbacks, 0u);
  EXPECT_EQ(sender_.count(), 0u);
}

TEST_F(UdpSenderTest, DoesNotTellOfADatagramThatMayBeCut) {
  push(100, 100);
  answers({-EMSGSIZE});
  EXPECT_FALSE(sender_.take_refusal());
}

TEST_F(UdpSenderTest, DoesNotBelieveARouterAboutARunWithoutFragments) {
  push(3000, 1000, 1, Fragments::forbidden);
  answers({-EMSGSIZE});  // what an ICMP message left on the socket
  EXPECT_EQ(arrived(3), pattern(3000, 1));
  EXPECT_EQ(counters_.gso_fallbacks, 0u);
  push(3000, 1000, 2, Fragments::forbidden);
  EXPECT_TRUE(sender_.single_messages());
  answers({3000});
  EXPECT_EQ(counters_.udp_send_oversized, 0u);
}

TEST_F(UdpSenderTest, SwitchesTheSocketOnlyWhereTheRuleChanges) {
  const auto rule = [this] {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(socket_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &value, &size);
    return value;
  };
  const int configured = rule();
  ASSERT_NE(configured, IP_PMTUDISC_PROBE);
  push(100, 100, 1, Fragments::forbidden);
  push(100, 100, 2);
  EXPECT_FALSE(sender_.single_messages()) << "one submission has one rule";
  sender_.send_queued();
  EXPECT_EQ(rule(), configured);
  push(100, 100, 3, Fragments::forbidden);
  sender_.send_queued();
  EXPECT_EQ(rule(), IP_PMTUDISC_PROBE);
  for (unsigned i = 1; i <= 3; ++i) EXPECT_EQ(peer_.receives(), pattern(100, i));
}

TEST_F(UdpSenderTest, ForgetsAllAboutTheOldSocketWithANewOne) {
  push(3000, 1000);
  answers({-EIO});
  arrived(3);
  push(100, 100);
  const UniqueFd second = open_udp_socket(Correspondent::options());
  sender_.set_socket(second.get());
  EXPECT_TRUE(sender_.segmentation());
  EXPECT_EQ(sender_.count(), 0u);
  EXPECT_EQ(counters_.udp_send_errors, 1u) << "what was queued for the old socket is lost";
}

}  // namespace
}  // namespace vpnd::tunio::test
