#include "proto/epoch_keys.hpp"

#include <cassert>
#include <span>
#include <utility>

namespace vpnd::proto {

EpochChain::EpochChain(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys,
                       crypto::KeyHalf half) noexcept
    : key_size_(crypto::aead_key_size(algorithm)), secret_(crypto::cipher_part(keys, half).first<32>()) {}

EpochKey EpochChain::next() noexcept {
  assert(!ended());
  EpochKey made;
  made.epoch = next_epoch_++;
  crypto::expand_label(secret_.expose(), "data_key", std::span(made.key.expose()).first(key_size_));
  crypto::expand_label(secret_.expose(), "data_iv", made.implicit_iv);
  EpochSecret following;
  crypto::expand_label(secret_.expose(), "datakey upd", following.expose());
  secret_ = std::move(following);
  return made;
}

}  // namespace vpnd::proto
