#include "tunio/stream_framing.hpp"

#include <algorithm>

#include "tunio/byte_order.hpp"

namespace vpnd::tunio {

StreamFraming::Frames StreamFraming::accept(std::span<std::byte> chunk, std::vector<std::byte>& joined) {
  Frames frames;
  if (!carry_.empty()) chunk = chunk.subspan(complete_carry(chunk, joined, frames));
  if (frames.bad_length) return frames;

  std::size_t whole = 0;
  while (chunk.size() - whole >= kFrameLengthSize) {
    const std::size_t length = load_be16(chunk.data() + whole);
    if (!acceptable(length)) {
      frames.bad_length = true;
      break;
    }
    if (chunk.size() - whole - kFrameLengthSize < length) break;
    whole += kFrameLengthSize + length;
  }
  frames.whole = chunk.first(whole);
  const auto unfinished = chunk.subspan(whole);
  if (!frames.bad_length) carry_.insert(carry_.end(), unfinished.begin(), unfinished.end());
  return frames;
}

// Adds to the kept beginning what it lacks, as far as the chunk has it. Returns the bytes taken from the
// chunk.
std::size_t StreamFraming::complete_carry(std::span<const std::byte> chunk, std::vector<std::byte>& joined,
                                          Frames& frames) {
  std::size_t taken = 0;
  const auto fill_to = [&](std::size_t size) {
    const std::size_t missing = std::min(size - carry_.size(), chunk.size() - taken);
    const auto piece = chunk.subspan(taken, missing);
    carry_.insert(carry_.end(), piece.begin(), piece.end());
    taken += missing;
    return carry_.size() == size;
  };
  if (carry_.size() < kFrameLengthSize && !fill_to(kFrameLengthSize)) return taken;
  const std::size_t length = load_be16(carry_.data());
  if (!acceptable(length)) {
    frames.bad_length = true;
    return taken;
  }
  if (fill_to(kFrameLengthSize + length)) {
    carry_.swap(joined);  // and gets its memory for the next frame cut in two
    carry_.clear();
    frames.joined = joined;
  }
  return taken;
}

}  // namespace vpnd::tunio
