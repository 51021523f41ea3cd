#include "proto/reset_tlv.hpp"

#include <cstdint>

#include "proto/wire.hpp"

namespace vpnd::proto {

namespace {
constexpr std::uint16_t kEarlyNegotiationFlags = 1;
constexpr std::uint16_t kResendWkc = 1;
}  // namespace

std::optional<ResetTlvs> parse_reset_tlvs(std::span<const std::byte> payload) noexcept {
  ResetTlvs tlvs;
  WireReader reader(payload);
  while (!reader.rest().empty()) {
    const std::uint16_t type = reader.u16();
    WireReader value(reader.bytes(reader.u16()));
    if (!reader.ok()) return std::nullopt;
    if (type != kEarlyNegotiationFlags) continue;
    const std::uint16_t flags = value.u16();
    if (!value.ok() || !value.rest().empty()) return std::nullopt;
    tlvs.early_negotiation = true;
    tlvs.resend_wkc = (flags & kResendWkc) != 0;
  }
  return tlvs;
}

}  // namespace vpnd::proto
