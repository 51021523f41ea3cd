// The 64-bit number of a record whose lower half alone travels (docs/protocol.md §19).

#pragma once

#include <cstdint>

namespace vpnd::proto {

// The only number with these low 32 bits among the 2^32 that begin where the replay window ends, so that
// nothing behind the window is ever guessed and a receiver may have missed almost 2^32 records. This is what
// RFC 4303 appendix A2.1 does for IPsec, its two cases and their wrap-around in one subtraction.
//
// `highest` is the highest number authenticated so far, 0 if there is none. A wrong guess makes a wrong
// nonce, hence a wrong tag: the number needs no check of its own.
constexpr std::uint64_t infer_record_number(std::uint32_t low, std::uint64_t highest,
                                            std::uint64_t window_size) noexcept {
  const std::uint64_t oldest = highest < window_size ? 0 : highest - window_size + 1;
  return oldest + static_cast<std::uint32_t>(low - static_cast<std::uint32_t>(oldest));
}

}  // namespace vpnd::proto
