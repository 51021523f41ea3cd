#pragma once

// Frames on a TCP connection, as OpenVPN sends them (protocol: TCP transport):
//
//   +-------------------------+------------------------------+
//   | length, 16 bits, network | one OpenVPN packet, `length` |   length does not count itself; 0 is an error
//   +-------------------------+------------------------------+

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vpnd::tunio {

inline constexpr std::size_t kFrameLengthSize = 2;

/// Cuts a byte stream into whole frames, copying only a frame that came in two pieces.
class StreamFraming {
 public:
  explicit StreamFraming(std::size_t max_frame_size) noexcept : max_frame_size_(max_frame_size) {}

  /// Whole frames with their lengths in front; both may be empty.
  struct [[nodiscard]] Frames {
    std::span<std::byte> joined;  // a frame whose first piece came earlier; lies in the memory given for it
    std::span<std::byte> whole;   // frames that lie whole in the chunk, after `joined` in order
    bool bad_length =
        false;  // after these frames comes a length of zero or above the limit: the stream is dead
  };

  /// A frame that is complete now goes into `joined`, whose former content goes; the unfinished end of the
  /// chunk is kept here. Allocates only while such a frame is larger than any before.
  Frames accept(std::span<std::byte> chunk, std::vector<std::byte>& joined);

  /// Bytes of an unfinished frame that are kept here.
  std::size_t pending() const noexcept { return carry_.size(); }

 private:
  bool acceptable(std::size_t length) const noexcept { return length != 0 && length <= max_frame_size_; }
  std::size_t complete_carry(std::span<const std::byte> chunk, std::vector<std::byte>& joined,
                             Frames& frames);

  std::size_t max_frame_size_;
  std::vector<std::byte> carry_;  // the beginning of a frame
};

}  // namespace vpnd::tunio
