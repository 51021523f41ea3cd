#include "vpnd/control/handshake_queue.hpp"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <optional>
#include <string>

namespace vpnd::control {
namespace {

class HandshakeQueueTest : public testing::Test {
 protected:
  HandshakeQueue::Step step(char name) {
    return [this, name] { order += name; };
  }
  void post(char name) {
    asio::post(io, [this, name] { order += name; });
  }

  asio::io_context io;
  std::optional<HandshakeQueue> queue{std::in_place, io, 3};
  std::string order;
};

TEST_F(HandshakeQueueTest, RunsStepsInOrderButNotAtOnce) {
  for (const char name : {'a', 'b', 'c'}) EXPECT_TRUE(queue->add(step(name)));
  EXPECT_EQ(order, "");
  io.run();
  EXPECT_EQ(order, "abc");
}

TEST_F(HandshakeQueueTest, LetsOthersInBetweenTwoSteps) {
  for (const char name : {'a', 'b'}) EXPECT_TRUE(queue->add(step(name)));
  post('1');
  EXPECT_TRUE(queue->add([this] {
    order += 'c';
    post('2');
  }));
  io.run();
  EXPECT_EQ(order, "a1bc2");
}

TEST_F(HandshakeQueueTest, TakesNoMoreThanItHolds) {
  for (const char name : {'a', 'b', 'c'}) EXPECT_TRUE(queue->add(step(name)));
  EXPECT_FALSE(queue->add(step('d')));
  io.run_one();
  EXPECT_TRUE(queue->add(step('e')));
  io.run();
  EXPECT_EQ(order, "abce");
}

TEST_F(HandshakeQueueTest, TakesAStepFromWithinAStep) {
  EXPECT_TRUE(queue->add([this] {
    order += 'a';
    EXPECT_TRUE(queue->add(step('b')));
  }));
  io.run();
  EXPECT_EQ(order, "ab");
}

TEST_F(HandshakeQueueTest, RunsNothingWhenItIsGone) {
  EXPECT_TRUE(queue->add(step('a')));
  queue.reset();
  io.run();
  EXPECT_EQ(order, "");
}

}  // namespace
}  // namespace vpnd::control
