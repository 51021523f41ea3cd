#include "tunio/tun_frames.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "kmod-tun-batch/include/uapi/linux/tun_batch.h"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {
namespace {

static_assert(kTunFrameSize == TUN_BATCH_FRAME_SIZE && sizeof(tun_batch_frame) == kTunFrameSize);
static_assert(kTunFrameAlignment == TUN_BATCH_ALIGN);
static_assert(kSlotSize >= TUN_BATCH_MAX_FRAME);

constexpr std::size_t kOffloadAt = 6;
constexpr std::size_t kMaxPieces = 1024;  // UIO_MAXIOV
constexpr std::size_t kMaxFrames = 512;

constexpr std::size_t padding_after(std::size_t size) noexcept {
  return (kTunFrameAlignment - size % kTunFrameAlignment) % kTunFrameAlignment;
}

std::uint32_t load_le32(std::span<const std::byte> bytes) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

std::array<std::byte, kTunFrameSize> encode_frame(const VirtioNetHeader& header,
                                                  std::size_t length) noexcept {
  std::array<std::byte, kTunFrameSize> frame{};
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::byte>(length >> (8 * i) & 0xff);
  const auto offload = encode_virtio_net(header);
  std::copy(offload.begin(), offload.end(), frame.begin() + kOffloadAt);
  return frame;
}

}  // namespace

bool is_tun_batch(int fd) noexcept {
  tun_batch_config config{};
  return ::ioctl(fd, TUN_BATCH_GET_CONFIG, &config) == 0;
}

bool take_tun_frame(std::span<std::byte>& bytes, TunArrival& arrival) noexcept {
  if (bytes.size() < kTunFrameSize) return false;
  const std::size_t length = load_le32(bytes);
  const auto rest = bytes.subspan(kTunFrameSize);
  if (length == 0 || length > rest.size()) return false;
  arrival.header = decode_virtio_net(bytes.subspan<kOffloadAt, kVirtioNetHeaderSize>());
  arrival.packet = rest.first(length);
  bytes = rest.subspan(std::min(length + padding_after(length), rest.size()));
  return true;
}

TunFrameWriter::TunFrameWriter() {
  frames_.reserve(kMaxFrames);
  headers_.reserve(kMaxFrames);
  pieces_.reserve(kMaxPieces);
}

bool TunFrameWriter::add(const TunWrite& write) noexcept {
  static std::array<std::byte, kTunFrameAlignment> zeros{};  // iovec wants it writable; nobody writes
  if (frames_.size() == kMaxFrames || pieces_.size() + write.parts.size() + 2 > kMaxPieces) return false;
  Frame frame{.first_piece = pieces_.size(), .size = 0, .packet = 0};
  for (const iovec& part : write.parts) frame.packet += part.iov_len;
  headers_.push_back(encode_frame(write.header, frame.packet));
  pieces_.push_back({headers_.back().data(), kTunFrameSize});
  pieces_.insert(pieces_.end(), write.parts.begin(), write.parts.end());
  const std::size_t padding = padding_after(frame.packet);
  if (padding > 0) pieces_.push_back({zeros.data(), padding});
  frame.size = kTunFrameSize + frame.packet + padding;
  frames_.push_back(frame);
  return true;
}

// Counts the frames from `next` on that `written` bytes hold; returns the first one that is left.
std::size_t TunFrameWriter::accept(std::size_t next, std::size_t written,
                                   IoCounters& counters) const noexcept {
  while (next < frames_.size() && frames_[next].size <= written) {
    written -= frames_[next].size;
    ++counters.tun_writes;
    counters.tun_write_bytes += frames_[next].packet;
    ++next;
  }
  return next;
}

int TunFrameWriter::flush(int fd, IoCounters& counters) noexcept {
  int failure = 0;
  std::size_t next = 0;
  while (next < frames_.size() && failure == 0) {
    const std::size_t first = frames_[next].first_piece;
    ++counters.system_calls;
    const ssize_t written = ::writev(fd, pieces_.data() + first, static_cast<int>(pieces_.size() - first));
    if (written > 0) {
      next = accept(next, static_cast<std::size_t>(written), counters);
    } else if (written < 0 && errno == EINVAL) {
      ++counters.tun_write_errors;  // this one packet; those behind it may be well
      ++next;
    } else if (written == 0 || errno != EINTR) {
      failure = written == 0 ? EIO : errno;
    }
  }
  const std::size_t left = frames_.size() - next;
  (failure == EAGAIN ? counters.tun_write_full : counters.tun_write_errors) += left;
  frames_.clear();
  headers_.clear();
  pieces_.clear();
  return failure;
}

}  // namespace vpnd::tunio
