// One wrapping key of a session with what must be remembered about its use: the packet ids sent and seen.

#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "crypto/control_auth.hpp"
#include "proto/control_packet.hpp"
#include "proto/drop_reason.hpp"
#include "proto/packet_id.hpp"
#include "proto/time.hpp"

namespace vpnd::proto {

// What an unwrapping that failed is counted as; none for one that did not.
DropReason drop_reason(crypto::UnwrapResult result);

// One thread at a time. Allocates only in wrap().
class WrapState {
 public:
  static constexpr std::size_t kMaxPacketSize = 2048;  // a larger control packet is refused

  // The first packet gets the packet id behind `last`.
  WrapState(crypto::ControlWrap wrap, ControlPacketIdCounter counter);

  struct [[nodiscard]] Opened {
    DropReason drop;                  // none, too_short, too_big, bad_wrap, control_replayed or malformed
    std::span<const std::byte> rest;  // inside the packet or the scratch memory
  };
  using Scratch = std::array<std::byte, kMaxPacketSize>;
  // Takes a packet without WKc. The replay window moves only when the packet is authentic.
  Opened open(std::span<const std::byte> packet, Scratch& scratch, Now now);

  // Wraps a packet with a fresh packet id into `out`, replacing its content. false: no packet id is left.
  bool wrap(const ControlHeader& header, const ControlBody& body, Now now, std::vector<std::byte>& out);

  // Bytes of a packet that are neither body nor WKc.
  std::size_t overhead() const noexcept { return wrap_.overhead(); }

 private:
  crypto::ControlWrap wrap_;
  ControlPacketIdCounter sent_;
  ControlReplayWindow received_;
};

}  // namespace vpnd::proto
