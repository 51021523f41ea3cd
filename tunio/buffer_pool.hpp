#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tunio/slab.hpp"

namespace vpnd::tunio {

class BufferPool;

/// Room for the largest run of datagrams or TCP frame, with some to spare for headers in front of it.
inline constexpr std::size_t kBufferSize = kSlotSize;

/// One slot of a BufferPool: move-only, gives itself back when it goes away. Empty when default-made or moved
/// from. Moved into `BatchIo::send_udp` = the engine owns it until the kernel has taken the bytes.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { reset(); }

  std::byte* data() const noexcept { return data_; }
  /// All kBufferSize bytes; empty for an empty handle.
  std::span<std::byte> bytes() const noexcept { return {data_, data_ != nullptr ? kBufferSize : 0}; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

  inline void reset() noexcept;

 private:
  friend class BufferPool;
  Buffer(BufferPool* pool, std::byte* data) noexcept : pool_(pool), data_(data) {}

  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
};

/// A fixed number of buffers in one slab, allocated at start-up; pages that were never touched cost no
/// memory. One thread, no lock. Must outlive its buffers, and so the BatchIo that may hold some of them. The
/// buffer given back last is handed out first: it is still in the cache.
class BufferPool {
 public:
  /// Throws std::system_error (no memory).
  explicit BufferPool(std::size_t count);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  /// An empty Buffer when none is left: that is a reason to drop, never to grow.
  Buffer take() noexcept {
    if (free_.empty()) return {};
    std::byte* const data = free_.back();
    free_.pop_back();
    return Buffer(this, data);
  }

  std::size_t available() const noexcept { return free_.size(); }
  std::size_t capacity() const noexcept { return slab_.count(); }

 private:
  friend class Buffer;
  void give_back(std::byte* data) noexcept {
    free_.push_back(data);
  }  // capacity was reserved: never allocates

  Slab slab_;
  std::vector<std::byte*> free_;
};

inline void Buffer::reset() noexcept {
  if (data_ != nullptr) pool_->give_back(data_);
  pool_ = nullptr;
  data_ = nullptr;
}

}  // namespace vpnd::tunio
