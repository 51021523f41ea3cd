// Integers of the network (big-endian) at any alignment. The callers have checked the bounds.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vpnd::tunio {

inline std::uint16_t load_be16(const std::byte* from) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(from[0]) << 8 |
                                    std::to_integer<unsigned>(from[1]));
}

inline std::uint32_t load_be32(const std::byte* from) noexcept {
  return std::uint32_t{load_be16(from)} << 16 | load_be16(from + 2);
}

inline void store_be16(std::byte* to, std::uint16_t value) noexcept {
  to[0] = static_cast<std::byte>(value >> 8);
  to[1] = static_cast<std::byte>(value & 0xff);
}

inline void store_be32(std::byte* to, std::uint32_t value) noexcept {
  store_be16(to, static_cast<std::uint16_t>(value >> 16));
  store_be16(to + 2, static_cast<std::uint16_t>(value & 0xffff));
}

}  // namespace vpnd::tunio
