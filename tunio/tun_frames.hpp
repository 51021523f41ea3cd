#pragma once

// The framed format of the tun_batch driver (kmod-tun-batch/include/uapi/linux/tun_batch.h): one read brings
// many packets and super-packets, one write takes many. Each stands behind a frame of 16 bytes:
//
//   0        4          6                           16
//   +--------+----------+---------------------------+--------+---------+
//   | length | reserved | virtio-net header         | packet | padding |   to a multiple of 8; little-endian
//   +--------+----------+---------------------------+--------+---------+

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/io_counters.hpp"

namespace vpnd::tunio {

inline constexpr std::size_t kTunFrameSize = 16;
inline constexpr std::size_t kTunFrameAlignment = 8;
/// What the smallest frame takes, an IPv4 header without anything.
inline constexpr std::size_t kSmallestTunFrame = 40;

/// Whether this descriptor is a queue of tun_batch rather than of tun.
bool is_tun_batch(int fd) noexcept;

/// Takes the first frame off `bytes`. False when there is none, or it is cut off or empty (then `bytes` is
/// what could not be understood).
bool take_tun_frame(std::span<std::byte>& bytes, TunArrival& arrival) noexcept;

/// Collects the packets of a turn and writes them with as few calls as there can be.
class TunFrameWriter {
 public:
  TunFrameWriter();

  /// False when it is full: flush() first. The pieces must stay until then.
  bool add(const TunWrite& write) noexcept;
  bool pending() const noexcept { return !frames_.empty(); }
  /// Writes all, counts what became of each packet, and is empty then. Returns 0, or the error (errno) that
  /// stopped it.
  int flush(int fd, IoCounters& counters) noexcept;

 private:
  struct Frame {
    std::size_t first_piece;
    std::size_t size;    // with frame header and padding
    std::size_t packet;  // without
  };

  std::size_t accept(std::size_t next, std::size_t written, IoCounters& counters) const noexcept;

  std::vector<Frame> frames_;
  std::vector<std::array<std::byte, kTunFrameSize>> headers_;
  std::vector<iovec> pieces_;
};

}  // namespace vpnd::tunio
