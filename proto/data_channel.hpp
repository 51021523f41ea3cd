// Seals and opens the data packets of one key (docs/protocol.md §9). A batch is the unit of work.
//
//   DATA_V2   | 9/key (1) | peer id (3) | packet id (4) | tag (16) | ciphertext |
//   DATA_V1   | 6/key (1) |               packet id (4) | tag (16) | ciphertext |
//   nonce     | packet id (4) | implicit IV (8) |
//
// The IV comes from the key material. Authenticated with the ciphertext: of DATA_V2 bytes 0 to 7, of DATA_V1
// the packet id.
//
// Packet ids make the nonces, so they start at 1, are never used twice and never wrap.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "crypto/aead.hpp"
#include "crypto/key_material.hpp"
#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"
#include "proto/replay_window.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kPacketIdSize = 4;
inline constexpr std::size_t kDataV1Overhead = 1 + kPacketIdSize + crypto::kAeadTagSize;
inline constexpr std::size_t kDataV2Overhead = 4 + kPacketIdSize + crypto::kAeadTagSize;

// How far one key may be used in one direction (docs/protocol.md §10, "AEAD limits").
struct DataKeyLimits {
  std::uint32_t rekey_packet_id = 0xFF000000;  // from here on a new key is wanted; the last id is 0xFFFFFFFF
  std::uint64_t max_blocks = 0;                // AES blocks and packets; 0: no limit (ChaCha20-Poly1305)
  std::uint64_t max_failed_tags = std::uint64_t{1} << 36;

  static DataKeyLimits of(crypto::AeadAlgorithm algorithm) noexcept;
  std::uint64_t rekey_blocks() const noexcept { return max_blocks / 8 * 7; }
  std::uint64_t rekey_failed_tags() const noexcept { return max_failed_tags / 2; }
};

// One payload and the place of its packet. `wire` has room for overhead() + size bytes. The plaintext, which
// is not empty, either is disjoint from that or already stands where the ciphertext goes, at wire +
// overhead().
struct PlainRecord {
  const std::byte* plaintext;
  std::size_t size;
  std::byte* wire;
};

// The sending direction of one key. Move-only. One thread: the packet ids are counted here.
class DataSealer {
 public:
  // `own` is the role of this side. With a peer id packets are DATA_V2, without (or with kNoPeer) DATA_V1.
  DataSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own, KeyId key_id,
             std::optional<PeerId> peer_id);

  // What a packet is larger than its payload.
  std::size_t overhead() const noexcept { return header_size_ + kPacketIdSize + crypto::kAeadTagSize; }

  // Seals the records in order and returns how many: fewer than given only when the key is used up, and then
  // the rest must wait for a new key.
  std::size_t seal(std::span<const PlainRecord> records) noexcept;

  // The key nears one of its limits: start a rekey.
  bool wants_rekey() const noexcept;

  KeyId key_id() const noexcept { return key_id_; }
  std::uint64_t sealed_packets() const noexcept { return next_packet_id_ - 1; }

  // For tests of what happens at the limits, which take too long to reach.
  void set_limits(const DataKeyLimits& limits) noexcept { limits_ = limits; }
  void skip_packet_ids_to(std::uint32_t next) noexcept;

 private:
  std::size_t seal_chunk(std::span<const PlainRecord> records) noexcept;
  bool exhausted_by(std::size_t size) const noexcept;

  std::unique_ptr<crypto::AeadSealer> sealer_;
  std::array<std::byte, 8> implicit_iv_{};
  std::array<std::byte, 4> header_{};
  std::size_t header_size_;
  KeyId key_id_;
  DataKeyLimits limits_;
  std::uint64_t next_packet_id_ = 1;  // 64 bits, so that it can stand behind the last id
  std::uint64_t blocks_ = 0;
};

// One received packet, and what came of it.
struct OpenRecord {
  std::span<std::byte> wire;
  DropReason drop = DropReason::none;   // out
  std::span<std::byte> plaintext = {};  // out: inside wire, opened in place, not empty; only if drop is none
};

// The receiving direction of one key. Move-only. One thread.
class DataOpener {
 public:
  DataOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own, KeyId key_id,
             std::size_t replay_window_size = ReplayWindow::kSize);

  // Opens DATA_V1 and DATA_V2 packets, in order. The replay window hears of authentic packets only. Reasons:
  // malformed (not a data packet), too_short, unknown_key (another key id, or a key that met too many
  // forgeries), bad_tag, replayed, replay_too_old.
  void open(std::span<OpenRecord> records) noexcept;

  bool wants_rekey() const noexcept;

  KeyId key_id() const noexcept { return key_id_; }
  std::uint64_t failed_tags() const noexcept { return failed_tags_; }
  std::uint64_t highest_packet_id() const noexcept { return replay_window_.highest(); }

  void set_limits(const DataKeyLimits& limits) noexcept { limits_ = limits; }  // for tests, as above

 private:
  void open_chunk(std::span<OpenRecord> records) noexcept;
  DropReason prepare(const OpenRecord& record, crypto::OpenJob& job) const noexcept;
  DropReason judge(OpenRecord& record, const crypto::OpenJob& job) noexcept;

  std::unique_ptr<crypto::AeadOpener> opener_;
  std::array<std::byte, 8> implicit_iv_{};
  KeyId key_id_;
  DataKeyLimits limits_;
  ReplayWindow replay_window_;
  std::uint64_t failed_tags_ = 0;
  std::uint64_t blocks_ = 0;
};

}  // namespace vpnd::proto
