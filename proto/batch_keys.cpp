#include "proto/batch_keys.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>

#include "crypto/hkdf.hpp"

namespace vpnd::proto {

namespace {

// HKDF-Expand with the info `label | lane (1)`.
void expand(const crypto::Secret<crypto::kHkdfKeySize>& key, std::string_view label, LaneNumber lane,
            std::span<std::byte> out) {
  std::array<std::byte, 32> info;
  assert(label.size() < info.size());
  std::ranges::copy(std::as_bytes(std::span(label)), info.begin());
  info[label.size()] = std::byte{lane.value};
  crypto::hkdf_expand(key.expose(), std::span(info).first(label.size() + 1), out);
}

}  // namespace

BatchKey derive_batch_key(const crypto::KeyMaterial& keys, crypto::KeyHalf half, LaneNumber lane) {
  const auto both = std::span<const std::byte>(keys.expose());
  const auto extracted = crypto::hkdf_extract(
      both.subspan(half == crypto::KeyHalf::first ? 0 : crypto::kKeyHalfSize, crypto::kKeyHalfSize));
  BatchKey derived;
  expand(extracted, "vpnd batch v1 key", lane, derived.key.expose());
  expand(extracted, "vpnd batch v1 iv", lane, derived.implicit_iv);
  return derived;
}

}  // namespace vpnd::proto
