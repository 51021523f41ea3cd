#include "tunio/stream_framing.hpp"

#include "io_fixture.hpp"
#include "tunio/byte_order.hpp"

namespace vpnd::tunio::test {
namespace {

Bytes stream_of(std::initializer_list<std::size_t> sizes) {
  Bytes bytes;
  unsigned seed = 0;
  for (const std::size_t size : sizes) {
    bytes.resize(bytes.size() + 2);
    store_be16(bytes.data() + bytes.size() - 2, static_cast<std::uint16_t>(size));
    const Bytes content = pattern(size, ++seed);
    bytes.insert(bytes.end(), content.begin(), content.end());
  }
  return bytes;
}

struct Cut {
  Bytes frames;
  bool bad_length = false;
};

/// Feeds the stream in chunks of these sizes, over and over; each chunk's memory is overwritten afterwards.
Cut cut(const Bytes& stream, std::initializer_list<std::size_t> chunk_sizes, std::size_t limit = 65535) {
  StreamFraming framing(limit);
  Bytes joined;
  Cut result;
  std::size_t offset = 0;
  auto next = chunk_sizes.begin();
  while (offset < stream.size() && !result.bad_length) {
    const std::size_t size = std::min(*next, stream.size() - offset);
    if (++next == chunk_sizes.end()) next = chunk_sizes.begin();
    const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(offset);
    Bytes chunk(begin, begin + static_cast<std::ptrdiff_t>(size));
    offset += size;
    const auto frames = framing.accept(chunk, joined);
    result.frames.insert(result.frames.end(), frames.joined.begin(), frames.joined.end());
    result.frames.insert(result.frames.end(), frames.whole.begin(), frames.whole.end());
    result.bad_length = frames.bad_length;
    std::fill(chunk.begin(), chunk.end(), std::byte{0xee});
  }
  return result;
}

TEST(StreamFraming, HandsOutWholeFramesWithoutCopying) {
  Bytes stream = stream_of({1, 100, 65535});
  StreamFraming framing(65535);
  Bytes joined;
  const auto frames = framing.accept(stream, joined);
  EXPECT_TRUE(frames.joined.empty());
  EXPECT_EQ(frames.whole.data(), stream.data());
  EXPECT_EQ(frames.whole.size(), stream.size());
  EXPECT_EQ(framing.pending(), 0u);
}

TEST(StreamFraming, GivesTheSameFramesHoweverTheStreamIsCut) {
  const Bytes stream = stream_of({1, 2, 3, 500, 1, 1400, 65535, 7});
  for (const auto& chunks :
       {std::initializer_list<std::size_t>{1}, {2}, {3}, {1, 1000}, {503, 2}, {70000}, {1401, 1, 1}}) {
    const Cut result = cut(stream, chunks);
    EXPECT_EQ(result.frames, stream) << *chunks.begin();
    EXPECT_FALSE(result.bad_length);
  }
}

TEST(StreamFraming, CopiesOnlyTheFrameThatIsCutInTwo) {
  Bytes stream = stream_of({100, 200, 300});
  StreamFraming framing(65535);
  Bytes joined;
  auto frames = framing.accept(std::span(stream).first(150), joined);
  EXPECT_EQ(frames.whole.size(), 102u);
  EXPECT_EQ(framing.pending(), 48u);
  frames = framing.accept(std::span(stream).subspan(150), joined);
  EXPECT_EQ(frames.joined.size(), 202u);
  EXPECT_EQ(frames.whole.data(), stream.data() + 304);
  EXPECT_EQ(frames.whole.size(), 302u);
  EXPECT_EQ(framing.pending(), 0u);
}

TEST(StreamFraming, EndsAtALengthOfZero) {
  for (const std::size_t chunk : {1u, 2u, 5u, 1000u}) {
    const Bytes good = stream_of({3, 4});
    Bytes stream = good;
    stream.resize(stream.size() + 2);
    const Cut result = cut(stream, {chunk});
    EXPECT_EQ(result.frames, good) << "what came before is still good";
    EXPECT_TRUE(result.bad_length);
  }
}

TEST(StreamFraming, EndsAtALengthAboveTheLimit) {
  for (const std::size_t chunk : {1u, 2u, 5000u}) {
    EXPECT_TRUE(cut(stream_of({1401}), {chunk}, 1400).bad_length);
    EXPECT_FALSE(cut(stream_of({1400}), {chunk}, 1400).bad_length);
  }
}

}  // namespace
}  // namespace vpnd::tunio::test
