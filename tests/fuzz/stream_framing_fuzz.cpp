// A TCP peer may send anything, and the network may cut it anywhere. The first byte of the input chooses the
// limit, the second how the rest is cut into chunks; however that is, the frames must be those of the uncut
// stream.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "tunio/stream_framing.hpp"

namespace {

using vpnd::tunio::StreamFraming;
using Bytes = std::vector<std::byte>;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Cut {
  Bytes frames;
  bool bad_length = false;
};

void check_frames(std::span<const std::byte> frames, std::size_t limit) {
  while (!frames.empty()) {
    require(frames.size() >= 2);
    const std::size_t length =
        std::to_integer<std::size_t>(frames[0]) << 8 | std::to_integer<std::size_t>(frames[1]);
    require(length > 0 && length <= limit && frames.size() >= 2 + length);
    frames = frames.subspan(2 + length);
  }
}

Cut cut(std::span<const std::byte> stream, std::size_t limit, std::size_t chunk_size) {
  StreamFraming framing(limit);
  Bytes joined;
  Cut result;
  while (!stream.empty() && !result.bad_length) {
    const std::size_t size = std::min(chunk_size, stream.size());
    Bytes chunk(stream.begin(),
                stream.begin() + static_cast<std::ptrdiff_t>(size));  // gone with the next one
    stream = stream.subspan(size);
    const StreamFraming::Frames frames = framing.accept(chunk, joined);
    check_frames(frames.joined, limit);
    check_frames(frames.whole, limit);
    result.frames.insert(result.frames.end(), frames.joined.begin(), frames.joined.end());
    result.frames.insert(result.frames.end(), frames.whole.begin(), frames.whole.end());
    result.bad_length = frames.bad_length;
    require(framing.pending() <= limit + 2);
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t limit = data[0] == 0 ? 65535 : data[0] * std::size_t{8};
  const std::size_t chunk_size = std::max<std::size_t>(1, data[1]);
  const auto stream = std::as_bytes(std::span(data + 2, size - 2));
  const Cut whole = cut(stream, limit, stream.size());
  const Cut pieces = cut(stream, limit, chunk_size);
  require(whole.frames == pieces.frames && whole.bad_length == pieces.bad_length);
  return 0;
}
