// The data packets that every OpenVPN peer speaks (docs/protocol.md §9).
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
#include "proto/data_channel.hpp"
#include "proto/key_usage.hpp"
#include "proto/replay_window.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kPacketIdSize = 4;
inline constexpr std::size_t kDataV1Overhead = 1 + kPacketIdSize + crypto::kAeadTagSize;
inline constexpr std::size_t kDataV2Overhead = 4 + kPacketIdSize + crypto::kAeadTagSize;

// From here on a new key is wanted; the last packet id is 0xFFFFFFFF.
inline constexpr std::uint32_t kRekeyPacketId = 0xFF000000;

class StockSealer final : public DataSealer {
 public:
  // `own` is the role of this side. With a peer id packets are DATA_V2, without (or with kNoPeer) DATA_V1.
  StockSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
              KeyId key_id, std::optional<PeerId> peer_id);

  std::size_t overhead() const noexcept override {
    return header_size_ + kPacketIdSize + crypto::kAeadTagSize;
  }
  std::size_t payload_offset() const noexcept override { return overhead(); }
  std::size_t seal(std::span<const PlainRecord> records) noexcept override;
  bool wants_rekey() const noexcept override;
  KeyId key_id() const noexcept override { return key_id_; }
  std::uint64_t sealed_packets() const noexcept override { return next_packet_id_ - 1; }

  // For tests of what happens at the limits, which take too long to reach.
  void set_limits(const DataKeyLimits& limits) noexcept { usage_ = KeyUsage(limits); }
  void skip_packet_ids_to(std::uint32_t next) noexcept;

 private:
  bool prepare(const PlainRecord& record, crypto::SealJob& job) noexcept;

  std::unique_ptr<crypto::AeadSealer> sealer_;
  std::array<std::byte, 8> implicit_iv_{};
  std::array<std::byte, 4> header_{};
  std::size_t header_size_;
  KeyId key_id_;
  KeyUsage usage_;
  std::uint64_t next_packet_id_ = 1;  // 64 bits, so that it can stand behind the last id
};

// Takes DATA_V1 and DATA_V2.
class StockOpener final : public DataOpener {
 public:
  StockOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
              KeyId key_id, std::size_t replay_window_size = ReplayWindow::kSize);

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
  std::array<std::byte, 8> implicit_iv_{};
  KeyId key_id_;
  KeyUsage usage_;
  ReplayWindow replay_window_;
};

}  // namespace vpnd::proto
