#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tunio/checksum.hpp"

namespace vpnd::tunio {

// Lowers the MSS option of a TCP SYN or SYN-ACK (IPv4 or IPv6) to `mss_max`; never raises it. A complete
// checksum is adjusted, a partial one holds only the pseudo-header and stays. Returns whether the packet was
// changed. Anything else, malformed packets and options included, is left as it is.
bool clamp_mss(std::span<std::byte> packet, std::uint16_t mss_max, ChecksumState state) noexcept;

}  // namespace vpnd::tunio
