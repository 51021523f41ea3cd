// The key schedule of the epoch data format (docs/protocol.md §10): a chain of secrets, of which each gives
// one epoch its key and its implicit IV.
//
//   E(1)    = the first 32 bytes of the direction's half of the key material
//   E(n+1)  = Expand(E(n), "datakey upd", 32)
//   key, IV = Expand(E(n), "data_key", key size), Expand(E(n), "data_iv", 12)
//   Expand(secret, label, n) = HKDF-Expand-SHA256(secret, u16 n | u8 size | "ovpn " label | u8 0, n)

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/aead.hpp"
#include "crypto/key_material.hpp"
#include "crypto/secret.hpp"

namespace vpnd::proto {

using EpochSecret = crypto::Secret<32>;

// What one epoch seals or opens with.
struct EpochKey {
  std::uint16_t epoch = 0;
  crypto::Secret<crypto::kMaxAeadKeySize> key;  // its first bytes, as many as the algorithm takes
  std::array<std::byte, crypto::kAeadNonceSize> implicit_iv{};
};

// Goes through the epochs of one direction, each once. One thread.
class EpochChain {
 public:
  static constexpr std::uint16_t kLast = 0xFFFF;

  // Begins with epoch 1.
  EpochChain(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::KeyHalf half) noexcept;

  // The key of the next epoch. Not to be called when ended().
  EpochKey next() noexcept;
  bool ended() const noexcept { return next_epoch_ == 0; }

 private:
  std::size_t key_size_;
  EpochSecret secret_;
  std::uint16_t next_epoch_ = 1;  // 0: behind the last one
};

}  // namespace vpnd::proto
