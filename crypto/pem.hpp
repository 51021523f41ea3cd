// Binary keys in PEM armour (RFC 7468), by their label.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "crypto/secret.hpp"

namespace vpnd::crypto {

// Decodes the first block with this label into `out` and returns its size. Absent if there is no such block,
// it is damaged, or it does not fit.
[[nodiscard]] std::optional<std::size_t> decode_pem(std::string_view text, const char* label,
                                                    std::span<std::byte> out);

[[nodiscard]] SecretString encode_pem(const char* label, std::span<const std::byte> bytes);

}  // namespace vpnd::crypto
