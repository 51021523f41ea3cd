// The keys of the batch channel, one for each direction and lane, out of a session's key material
// (docs/protocol.md §19). They have nothing in common with the keys that the stock format takes from the same
// material.

#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/aead.hpp"
#include "crypto/key_material.hpp"
#include "crypto/secret.hpp"
#include "proto/ids.hpp"

namespace vpnd::proto {

struct BatchKey {
  crypto::Secret<crypto::kMaxAeadKeySize> key;  // the AEAD takes as many bytes as it needs, from the front
  std::array<std::byte, crypto::kAeadNonceSize> implicit_iv;
};

// `half` is that of the side that seals.
BatchKey derive_batch_key(const crypto::KeyMaterial& keys, crypto::KeyHalf half, LaneNumber lane);

}  // namespace vpnd::proto
