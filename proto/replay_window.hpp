// Which packet ids of a key were already seen: the sliding bitmap of RFC 6479, whose window moves by clearing
// whole words instead of shifting bits.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vpnd::proto {

// The replay state of one receiving direction of one key. Only ids of authenticated packets may be shown to
// it. One thread.
class ReplayWindow {
 public:
  // Stock's 64 drops packets when a long queue reorders; this is 256 bytes more per key.
  static constexpr std::size_t kSize = 2048;
  static constexpr std::size_t kMaxSize = 65536;

  enum class Verdict : std::uint8_t {
    fresh,
    replayed,  // seen before, or the id 0, which is never valid on the wire
    too_old,   // behind the window, so that nobody can tell
  };

  // Allocates here and nowhere else. The size, in ids, is rounded up to a multiple of 64 and limited to
  // kMaxSize.
  explicit ReplayWindow(std::size_t size = kSize);

  // Looks the id up and, if it is fresh, remembers it. Serves 32-bit ids as well as 64-bit ones.
  Verdict check(std::uint64_t id) noexcept;
  bool accept(std::uint64_t id) noexcept { return check(id) == Verdict::fresh; }

  std::uint64_t highest() const noexcept { return highest_; }  // 0: none yet
  std::size_t size() const noexcept { return size_; }

 private:
  void advance_to(std::uint64_t id) noexcept;

  std::uint64_t highest_ = 0;
  std::size_t size_;
  std::vector<std::uint64_t> words_;  // a ring; a power of two, at least one word more than the window
};

}  // namespace vpnd::proto
