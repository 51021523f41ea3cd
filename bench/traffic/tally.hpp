// What arrived of one run: how many packets, how many of them twice, how many too late, how many never.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vpnd::bench {

class Tally {
 public:
  // Larger sequence numbers are none of ours: they count as strays, so that a wild one cannot ask for all
  // memory.
  static constexpr std::uint64_t kMostPackets = std::uint64_t{1} << 30;

  void add(std::uint64_t sequence, std::size_t bytes);

  // Different packets that arrived; a duplicate is not counted again.
  std::uint64_t packets() const { return packets_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t duplicates() const { return duplicates_; }
  // Packets that came after one with a higher number, as in RFC 4737, section 3.3.
  std::uint64_t reordered() const { return reordered_; }
  std::uint64_t strays() const { return strays_; }
  // Gaps below the highest number that came. What the sender sent after that one only it can know.
  std::uint64_t missing() const { return next_ - packets_; }

 private:
  std::uint64_t next_ = 0;  // one above the highest number so far
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t strays_ = 0;
  std::vector<bool> seen_;
};

}  // namespace vpnd::bench
