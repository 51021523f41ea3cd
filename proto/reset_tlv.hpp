// What a server may add to its hard reset for a tls-crypt-v2 client that asked for it (docs/protocol.md §4):
//
//   type (2) | size (2) | value
//
// any number of times. Type 1 = early negotiation flags, with a value of two bytes.

#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace vpnd::proto {

struct ResetTlvs {
  bool early_negotiation = false;  // the flags were there
  bool resend_wkc = false;         // send the WKc once more, with message 1
};

// Absent if a size runs past the end or does not fit its type. Unknown types and flags are skipped.
std::optional<ResetTlvs> parse_reset_tlvs(std::span<const std::byte> payload) noexcept;

}  // namespace vpnd::proto
