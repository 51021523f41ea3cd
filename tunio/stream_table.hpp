#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/stream_framing.hpp"

namespace vpnd::tunio {

/// The frames of one stream that wait to be written, oldest first.
class StreamQueue {
 public:
  /// Behind others, small ones share a buffer: however small, what waits occupies little more than its size.
  void push(Buffer&& frames, std::size_t size);

  /// Points `out` at the first bytes waiting, in at most out.size() pieces; returns how many pieces.
  std::size_t gather(std::span<iovec> out) const noexcept;

  /// The kernel took the first `size` bytes; size <= bytes().
  void advance(std::size_t size) noexcept;

  std::size_t bytes() const noexcept { return bytes_; }

 private:
  bool is_empty() const noexcept { return first_ == pieces_.size(); }

  struct Piece {
    Buffer buffer;
    std::size_t size;
    std::size_t taken;
  };
  std::vector<Piece> pieces_;  // those before first_ are done
  std::size_t first_ = 0;
  std::size_t bytes_ = 0;
};

/// One TCP connection with what waits in both directions.
struct Stream {
  Stream(StreamId name, UniqueFd connection, std::size_t max_frame_size)
      : id(name), fd(std::move(connection)), framing(max_frame_size) {}

  /// The message for one sendmsg of what waits; valid until the queue changes.
  msghdr& next_message() noexcept;

  StreamId id;
  UniqueFd fd;
  StreamFraming framing;
  StreamQueue queue;
  bool has_work = false;   // stands in the table's work list
  bool blocked = false;    // the socket is full: its writability is being watched
  bool receiving = false;  // io_uring: a receive is in flight

 private:
  std::array<iovec, 32> pieces_;
  msghdr message_{};
};

/// The streams of one BatchIo, found by id. An id holds the place in the table and how often the place was
/// used, so that a late completion for a closed stream finds nothing.
class StreamTable {
 public:
  explicit StreamTable(std::size_t max_frame_size) : max_frame_size_(max_frame_size) {}

  /// Throws std::system_error with EMFILE beyond 65,536 streams.
  Stream& add(UniqueFd connection);
  Stream* find(StreamId stream) noexcept;
  const Stream* find(StreamId stream) const noexcept;

  /// Shuts the connection down, closes it and forgets its id. The Stream is returned because a message of
  /// it may just be on its way into the kernel: keep it until the next turn.
  std::unique_ptr<Stream> close(Stream& stream) noexcept;

  /// Streams with something to write, in the order in which they got it; each once.
  void note_work(Stream& stream);
  std::vector<StreamId>& work() noexcept { return work_; }

  template <typename Function>
  void for_each(Function function) {
    for (auto& place : places_) {
      if (place.stream) function(*place.stream);
    }
  }

 private:
  struct Place {
    std::unique_ptr<Stream> stream;
    std::uint16_t uses = 0;
  };
  std::size_t max_frame_size_;
  std::vector<Place> places_;
  std::vector<std::uint16_t> free_;
  std::vector<StreamId> work_;
};

}  // namespace vpnd::tunio
