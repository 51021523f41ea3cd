#pragma once

#include <cstddef>
#include <span>

namespace vpnd::tunio {

/// One tun read (10 bytes of virtio-net header and 65,535 of packet), one run of datagrams with its control
/// messages, or one TCP frame of the largest size: all fit, and a tun read is never cut short.
inline constexpr std::size_t kSlotSize = std::size_t{68} * 1024;

/// Page-aligned memory cut into slots of kSlotSize bytes. Taken from the kernel untouched, so that a slot
/// costs memory from its first use on only.
class Slab {
 public:
  /// Throws std::system_error (no memory).
  explicit Slab(std::size_t count);
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab();

  std::size_t count() const noexcept { return count_; }
  /// `index` < count().
  std::span<std::byte, kSlotSize> slot(std::size_t index) const noexcept {
    return std::span<std::byte, kSlotSize>(base_ + index * kSlotSize, kSlotSize);
  }

 private:
  std::byte* base_ = nullptr;
  std::size_t count_;
};

}  // namespace vpnd::tunio
