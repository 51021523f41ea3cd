// The session id a server gives away before it keeps any state: a MAC that only the owner of the address, who
// has read it in the server's answer, can send back (docs/protocol.md §4).

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/mac.hpp"
#include "proto/ids.hpp"
#include "proto/time.hpp"

namespace vpnd::proto {

// Made once per server, under a random key of its own. Const use from several threads is safe.
class SessionCookie {
 public:
  // A cookie is good for one to one and a half hand windows.
  explicit SessionCookie(std::chrono::seconds hand_window);

  // `client_address` is any encoding of address and port that is unique to them, at most a few dozen bytes.
  SessionId make(std::span<const std::byte> client_address, const SessionId& client, Now now) const noexcept;

  // True for the cookies of the present time slot and the two before it, never for one of the future. Takes
  // the same time whatever differs.
  bool proves(const SessionId& cookie, std::span<const std::byte> client_address, const SessionId& client,
              Now now) const noexcept;

 private:
  SessionId compute(std::uint32_t slot, std::span<const std::byte> client_address,
                    const SessionId& client) const noexcept;
  std::uint32_t slot_of(Now now) const noexcept { return now.unix_seconds / slot_seconds_; }

  crypto::CookieMac mac_;
  std::uint32_t slot_seconds_;
};

}  // namespace vpnd::proto
