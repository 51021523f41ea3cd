// The data packets of OpenVPN 2.7's epoch format (docs/protocol.md §10).
//
//   | 9/key (1) | peer id (3) | epoch (2) | counter (6) | ciphertext | tag (16) |
//   nonce: (epoch | counter | four zeros) XOR the epoch's implicit IV
//
// Authenticated with the ciphertext: bytes 0 to 11. A counter starts at 1 in each epoch. When a key of an
// epoch has done its work the sender goes on to the next epoch, whose key both ends derive by themselves; a
// receiver follows once a tag of that epoch was right, and then sends in that epoch, too.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "crypto/aead.hpp"
#include "crypto/key_material.hpp"
#include "proto/data_channel.hpp"
#include "proto/epoch_keys.hpp"
#include "proto/key_usage.hpp"
#include "proto/replay_window.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kEpochPacketIdSize = 8;
inline constexpr std::size_t kEpochHeaderSize = 4 + kEpochPacketIdSize;
inline constexpr std::size_t kEpochOverhead = kEpochHeaderSize + crypto::kAeadTagSize;

// From here on a new key is wanted, long before epochs run out.
inline constexpr std::uint16_t kRekeyEpoch = 0xF000;

// The epoch that the peer sends in, told by the opener of a key to its sealer, which may be on another
// thread.
using PeerEpoch = std::shared_ptr<std::atomic<std::uint16_t>>;
inline PeerEpoch make_peer_epoch() {
  return std::make_shared<std::atomic<std::uint16_t>>(std::uint16_t{1});
}

class EpochSealer final : public DataSealer {
 public:
  EpochSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
              KeyId key_id, PeerId peer_id, PeerEpoch peer_epoch);

  std::size_t overhead() const noexcept override { return kEpochOverhead; }
  std::size_t payload_offset() const noexcept override { return kEpochHeaderSize; }
  std::size_t seal(std::span<const PlainRecord> records) noexcept override;
  bool wants_rekey() const noexcept override { return current_.epoch >= kRekeyEpoch; }
  KeyId key_id() const noexcept override { return key_id_; }
  std::uint64_t sealed_packets() const noexcept override { return sealed_; }

  std::uint16_t epoch() const noexcept { return current_.epoch; }
  // For tests of what happens at the limits, which take too long to reach.
  void set_limits(const DataKeyLimits& limits) noexcept;
  void skip_counters_to(std::uint64_t next) noexcept;

 private:
  bool advance() noexcept;
  bool prepare(const PlainRecord& record, crypto::SealJob& job) noexcept;

  crypto::AeadAlgorithm algorithm_;
  EpochChain chain_;
  EpochKey current_;
  std::unique_ptr<crypto::AeadSealer> sealer_;
  std::array<std::byte, 4> header_{};
  KeyId key_id_;
  PeerEpoch peer_epoch_;
  DataKeyLimits limits_;
  KeyUsage usage_;  // of this epoch
  std::uint64_t next_counter_ = 1;
  std::uint64_t sealed_ = 0;
};

class EpochOpener final : public DataOpener {
 public:
  // So many epochs may a peer be ahead of what was received; OpenVPN has 4 to 16.
  static constexpr std::size_t kFutureEpochs = 16;

  EpochOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
              KeyId key_id, PeerEpoch peer_epoch, std::size_t replay_window_size = ReplayWindow::kSize);

  // Packets of epochs without a key are dropped as unknown_key.
  void open(std::span<OpenRecord> records) noexcept override;
  bool wants_rekey() const noexcept override { return usage_.wants_rekey() || epoch() >= kRekeyEpoch; }
  KeyId key_id() const noexcept override { return key_id_; }
  std::uint64_t failed_tags() const noexcept override { return usage_.failed_tags(); }
  // The epoch in the upper 16 bits; 0: nothing was authentic yet.
  std::uint64_t highest_packet_id() const noexcept override;

  std::uint16_t epoch() const noexcept { return current_->epoch; }

 private:
  // A key of one epoch and what came under it.
  struct Epoch {
    std::uint16_t epoch = 0;
    std::array<std::byte, crypto::kAeadNonceSize> implicit_iv{};
    std::unique_ptr<crypto::AeadOpener> opener;
    std::optional<ReplayWindow> window;  // none until something authentic came
  };

  Epoch make_epoch();
  void fill_future();
  Epoch* find(std::uint16_t epoch) noexcept;
  void open_run(Epoch& epoch, std::span<OpenRecord> records) noexcept;
  DropReason prepare(const Epoch& epoch, const OpenRecord& record, crypto::OpenJob& job) const noexcept;
  DropReason judge(Epoch& epoch, const crypto::OpenJob& job) noexcept;
  void move_on_to(std::uint16_t epoch) noexcept;

  crypto::AeadAlgorithm algorithm_;
  EpochChain chain_;
  std::optional<Epoch> previous_;
  std::optional<Epoch> current_;
  std::deque<Epoch> future_;  // the epochs after current_, without a gap
  KeyId key_id_;
  PeerEpoch peer_epoch_;
  KeyUsage usage_;
  std::size_t window_size_;
};

}  // namespace vpnd::proto
