#include "proto/session_cookie.hpp"

#include <algorithm>
#include <array>

#include "proto/wire.hpp"

namespace vpnd::proto {
namespace {

constexpr std::uint32_t kSlotsAccepted = 3;

}  // namespace

SessionCookie::SessionCookie(std::chrono::seconds hand_window)
    : slot_seconds_(std::max<std::uint32_t>(1, static_cast<std::uint32_t>((hand_window.count() + 1) / 2))) {}

SessionId SessionCookie::compute(std::uint32_t slot, std::span<const std::byte> client_address,
                                 const SessionId& client) const noexcept {
  // The session id comes before the address because it alone has a fixed size beside the slot's: no two
  // inputs concatenate to the same bytes.
  std::array<std::byte, 4> slot_bytes;
  WireWriter(slot_bytes).u32(slot);
  const std::array<std::span<const std::byte>, 3> pieces{slot_bytes, client.bytes, client_address};
  SessionId cookie{mac_.compute(pieces)};
  if (cookie.is_zero()) cookie.bytes.back() = std::byte{1};  // zero is no session id
  return cookie;
}

SessionId SessionCookie::make(std::span<const std::byte> client_address, const SessionId& client,
                              Now now) const noexcept {
  return compute(slot_of(now), client_address, client);
}

bool SessionCookie::proves(const SessionId& cookie, std::span<const std::byte> client_address,
                           const SessionId& client, Now now) const noexcept {
  const std::uint32_t present = slot_of(now);
  bool proven = false;
  for (std::uint32_t age = 0; age < kSlotsAccepted && age <= present; ++age) {
    const SessionId expected = compute(present - age, client_address, client);
    proven |= crypto::constant_time_equal(cookie.bytes, expected.bytes);
  }
  return proven;
}

}  // namespace vpnd::proto
