// Whether helper threads for sealing and opening are worth having, from what the cipher takes here.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "crypto/aead.hpp"
#include "crypto/crypto_pool.hpp"

namespace vpnd::crypto {

// What sealing 64 KiB takes in records of a packet's size. Measured now, in a few hundred microseconds at
// most.
[[nodiscard]] std::chrono::nanoseconds measure_sealing(AeadAlgorithm algorithm);

// `asked` is the number of helpers wanted, absent: as many as pay. `sealing` is what measure_sealing() gave.
[[nodiscard]] CryptoPool::Settings plan_crypto_pool(std::optional<std::size_t> asked, std::size_t cpus,
                                                    std::size_t workers, std::chrono::nanoseconds sealing);

}  // namespace vpnd::crypto
