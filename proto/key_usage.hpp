// How far one AEAD key may be used in one direction, and how far it was (docs/protocol.md §10, "AEAD
// limits"). The numbers are those of draft-irtf-cfrg-aead-limits §5, so that an attacker's advantage over one
// key stays below 2^-57.

#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/aead.hpp"

namespace vpnd::proto {

struct DataKeyLimits {
  std::uint64_t max_blocks = 0;  // cipher blocks and packets; 0: no limit (ChaCha20-Poly1305)
  std::uint64_t max_failed_tags = std::uint64_t{1} << 36;

  // For packets of up to 64 KB.
  static DataKeyLimits of(crypto::AeadAlgorithm algorithm) noexcept;

  std::uint64_t rekey_blocks() const noexcept { return max_blocks / 8 * 7; }
  std::uint64_t rekey_failed_tags() const noexcept { return max_failed_tags / 2; }
};

// Counts what one direction of a key has done against its limits. One thread.
class KeyUsage {
 public:
  explicit KeyUsage(const DataKeyLimits& limits) noexcept : limits_(limits) {}

  // Whether a packet with `size` bytes of payload may still be sealed.
  bool allows(std::size_t size) const noexcept {
    return limits_.max_blocks == 0 || blocks_ + blocks_of(size) <= limits_.max_blocks;
  }
  void add_packet(std::size_t size) noexcept { blocks_ += blocks_of(size); }
  void add_failed_tag() noexcept { ++failed_tags_; }

  // So many forgeries came that one of the next might be lucky.
  bool too_many_failed_tags() const noexcept { return failed_tags_ >= limits_.max_failed_tags; }

  // One of the limits is near enough for a new key to be agreed in time.
  bool wants_rekey() const noexcept {
    const bool many_blocks = limits_.max_blocks != 0 && blocks_ >= limits_.rekey_blocks();
    return many_blocks || failed_tags_ >= limits_.rekey_failed_tags();
  }

  std::uint64_t failed_tags() const noexcept { return failed_tags_; }

 private:
  // What a packet costs: its cipher blocks and one for itself.
  static std::uint64_t blocks_of(std::size_t size) noexcept {
    constexpr std::size_t kAesBlockSize = 16;
    return (size + kAesBlockSize - 1) / kAesBlockSize + 1;
  }

  DataKeyLimits limits_;
  std::uint64_t blocks_ = 0;
  std::uint64_t failed_tags_ = 0;
};

}  // namespace vpnd::proto
