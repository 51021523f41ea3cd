// Records of the batch channel, the data packets between two vpnd peers (docs/protocol.md §19).
//
//    0               1               2               3
//   +---------+-----+---------------+---------------+---------------+
//   |    9    | key |  peer id of the lane                          |   as in DATA_V2
//   +---------+-----+-----------------------------------------------+
//   |  record number, low 32 of 64 bits                             |
//   +---------------------------------------------------------------+
//   |  sealed body: blocks (proto/batch_blocks), or nothing         |
//   +---------------------------------------------------------------+
//   |  tag (16)                                                     |
//   +---------------------------------------------------------------+
//
// Authenticated with the body: bytes 0 to 7. The nonce is the implicit IV (12) XOR the whole record number.
// An empty body is a keepalive.
//
// Keys belong to one lane of one key id of one direction. Record numbers make the nonces, so they start at 1
// and are never used twice under a key.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "crypto/aead.hpp"
#include "crypto/key_material.hpp"
#include "proto/data_channel.hpp"
#include "proto/key_usage.hpp"
#include "proto/replay_window.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kRecordHeaderSize = 8;
inline constexpr std::size_t kRecordOverhead = kRecordHeaderSize + crypto::kAeadTagSize;
// A frame of a stream, whose length has 16 bits.
inline constexpr std::size_t kMaxRecordSize = 65535;
// The fewest numbers that a receiver must remember: a worker's run of small records is as long as this
// easily.
inline constexpr std::size_t kMinBatchReplayWindow = 8192;

class BatchSealer final : public DataSealer {
 public:
  // `own` is the role of this side, `peer_id` that of the lane (lane_peer_id()).
  BatchSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
              KeyId key_id, PeerId peer_id, LaneNumber lane);

  std::size_t overhead() const noexcept override { return kRecordOverhead; }
  std::size_t payload_offset() const noexcept override { return kRecordHeaderSize; }
  std::size_t seal(std::span<const PlainRecord> records) noexcept override;
  bool wants_rekey() const noexcept override { return usage_.wants_rekey(); }
  KeyId key_id() const noexcept override { return key_id_; }
  std::uint64_t sealed_packets() const noexcept override { return next_number_ - 1; }

  // For tests of what happens at the limits, which take too long to reach.
  void set_limits(const DataKeyLimits& limits) noexcept { usage_ = KeyUsage(limits); }
  void skip_record_numbers_to(std::uint64_t next) noexcept;

 private:
  bool prepare(const PlainRecord& record, crypto::SealJob& job) noexcept;

  std::unique_ptr<crypto::AeadSealer> sealer_;
  std::array<std::byte, crypto::kAeadNonceSize> implicit_iv_;
  std::array<std::byte, 4> header_;
  KeyId key_id_;
  KeyUsage usage_;
  std::uint64_t next_number_ = 1;
};

class BatchOpener final : public DataOpener {
 public:
  // A window smaller than kMinBatchReplayWindow is made as large as that.
  BatchOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
              KeyId key_id, LaneNumber lane, std::size_t replay_window_size = kMinBatchReplayWindow);

  void open(std::span<OpenRecord> records) noexcept override;
  bool wants_rekey() const noexcept override { return usage_.wants_rekey(); }
  KeyId key_id() const noexcept override { return key_id_; }
  std::uint64_t failed_tags() const noexcept override { return usage_.failed_tags(); }
  std::uint64_t highest_packet_id() const noexcept override { return replay_window_.highest(); }

  void set_limits(const DataKeyLimits& limits) noexcept { usage_ = KeyUsage(limits); }  // for tests

 private:
  DropReason prepare(const OpenRecord& record, crypto::OpenJob& job) const noexcept;
  DropReason judge(const crypto::OpenJob& job) noexcept;

  std::unique_ptr<crypto::AeadOpener> opener_;
  std::array<std::byte, crypto::kAeadNonceSize> implicit_iv_;
  KeyId key_id_;
  KeyUsage usage_;
  ReplayWindow replay_window_;
};

}  // namespace vpnd::proto
