#include "tunio/buffer_pool.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace vpnd::tunio::test {
namespace {

TEST(BufferPool, HandsOutEachSlotOnceAndThenNone) {
  BufferPool pool(3);
  std::vector<Buffer> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(pool.take());
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(taken[i].bytes().size(), kBufferSize);
    taken[i].bytes().front() = taken[i].bytes().back() = static_cast<std::byte>(i);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(taken[i].bytes().front(), static_cast<std::byte>(i));
    EXPECT_EQ(taken[i].bytes().back(), static_cast<std::byte>(i));
  }
  EXPECT_FALSE(pool.take());
  EXPECT_TRUE(pool.take().bytes().empty());
}

TEST(BufferPool, GetsABufferBackWhenItsHandleGoesAway) {
  BufferPool pool(1);
  { const Buffer buffer = pool.take(); }
  EXPECT_EQ(pool.available(), 1u);
  Buffer first = pool.take();
  Buffer second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_TRUE(second);
  EXPECT_EQ(pool.available(), 0u);
  second = Buffer{};
  EXPECT_EQ(pool.available(), 1u);
}

TEST(BufferPool, HandsOutTheBufferUsedLastFirst) {
  BufferPool pool(8);
  Buffer a = pool.take();
  Buffer b = pool.take();
  const std::byte* const last = a.data();
  b.reset();
  a.reset();
  EXPECT_EQ(pool.take().data(), last);
}

}  // namespace
}  // namespace vpnd::tunio::test
