#include "tunio/stream_table.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace vpnd::tunio {
namespace {

constexpr std::size_t kMaxStreams = 65536;

constexpr std::size_t place_of(StreamId stream) noexcept {
  return stream.value & 0xffff;
}
constexpr std::uint16_t use_of(StreamId stream) noexcept {
  return static_cast<std::uint16_t>(stream.value >> 16);
}

class StreamCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "stream"; }
  std::string message(int value) const override {
    switch (static_cast<StreamError>(value)) {
      case StreamError::end_of_stream:
        return "closed by the other end";
      case StreamError::bad_frame_length:
        return "frame length of zero or above the limit";
    }
    return "unknown";
  }
};

}  // namespace

const std::error_category& stream_category() noexcept {
  static const StreamCategory category;
  return category;
}

std::error_code make_error_code(StreamError error) noexcept {
  return {static_cast<int>(error), stream_category()};
}

void StreamQueue::push(Buffer&& frames, std::size_t size) {
  bytes_ += size;
  if (!is_empty() && pieces_.back().size + size <= kBufferSize) {
    Piece& last = pieces_.back();
    std::memcpy(last.buffer.data() + last.size, frames.data(), size);
    last.size += size;
    return frames.reset();
  }
  pieces_.push_back({std::move(frames), size, 0});
}

std::size_t StreamQueue::gather(std::span<iovec> out) const noexcept {
  const std::size_t count = std::min(out.size(), pieces_.size() - first_);
  for (std::size_t i = 0; i < count; ++i) {
    const Piece& piece = pieces_[first_ + i];
    out[i] = {piece.buffer.data() + piece.taken, piece.size - piece.taken};
  }
  return count;
}

void StreamQueue::advance(std::size_t size) noexcept {
  assert(size <= bytes_);
  bytes_ -= size;
  while (size > 0) {
    Piece& piece = pieces_[first_];
    const std::size_t step = std::min(size, piece.size - piece.taken);
    piece.taken += step;
    size -= step;
    if (piece.taken == piece.size) {
      piece.buffer.reset();
      ++first_;
    }
  }
  // Moving the rest to the front only when half is done keeps this cheap per piece.
  if (first_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

msghdr& Stream::next_message() noexcept {
  message_.msg_iov = pieces_.data();
  message_.msg_iovlen = queue.gather(pieces_);
  return message_;
}

Stream& StreamTable::add(UniqueFd connection) {
  if (free_.empty()) {
    if (places_.size() == kMaxStreams) {
      throw std::system_error(EMFILE, std::generic_category(), "too many streams");
    }
    free_.push_back(static_cast<std::uint16_t>(places_.size()));
    places_.emplace_back();
  }
  Place& place = places_[free_.back()];
  if (++place.uses == 0) place.uses = 1;  // so that no id is ever zero
  const StreamId id{static_cast<std::uint32_t>(place.uses) << 16 | free_.back()};
  place.stream = std::make_unique<Stream>(id, std::move(connection), max_frame_size_);
  free_.pop_back();
  return *place.stream;
}

const Stream* StreamTable::find(StreamId stream) const noexcept {
  if (place_of(stream) >= places_.size()) return nullptr;
  const Place& place = places_[place_of(stream)];
  return place.uses == use_of(stream) ? place.stream.get() : nullptr;
}

Stream* StreamTable::find(StreamId stream) noexcept {
  return const_cast<Stream*>(static_cast<const StreamTable*>(this)->find(stream));
}

std::unique_ptr<Stream> StreamTable::close(Stream& stream) noexcept {
  // Shutting down ends a receive that the kernel still holds for us; closing alone would not.
  ::shutdown(stream.fd.get(), SHUT_RDWR);
  stream.fd.reset();
  stream.queue = StreamQueue{};  // its buffers are wanted elsewhere
  const std::size_t place = place_of(stream.id);
  free_.push_back(static_cast<std::uint16_t>(place));  // capacity was there when the place was taken
  return std::move(places_[place].stream);
}

void StreamTable::note_work(Stream& stream) {
  if (stream.has_work) return;
  stream.has_work = true;
  work_.push_back(stream.id);
}

}  // namespace vpnd::tunio
