// A server's gate for packets of addresses that it does not know (docs/protocol.md §4). Until a client has
// proven, by sending back the cookie, that it can read what is sent to its address, the server keeps nothing
// about it.
//
//   client                                server
//   HARD_RESET_CLIENT_V2/V3  ──────────►  judge(): ResetReply, session id = cookie; nothing is kept
//                            ◄──────────  HARD_RESET_SERVER_V2
//   CONTROL_V1, ACK_V1, WKC  ──────────►  judge(): NewSession, for the cookie is right
//
// Which wrapping a packet must have follows from its opcode: tls-crypt-v2 for HARD_RESET_CLIENT_V3 and
// CONTROL_WKC_V1, the one static wrapping for the others.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "crypto/control_auth.hpp"
#include "crypto/tls_crypt_v2.hpp"
#include "proto/control_packet.hpp"
#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"
#include "proto/rate_limit.hpp"
#include "proto/session_cookie.hpp"
#include "proto/time.hpp"

namespace vpnd::proto {

// Room for every answer to a first packet: header, a 64-byte HMAC, ids, one ack and the TLV.
inline constexpr std::size_t kMaxResetReplySize = 128;

// What to do with a tls-crypt-v2 client that is too old to bring its key along a second time.
enum class OldTlsCryptV2Clients : std::uint8_t {
  admit,   // a session on the first packet, without cookie (allow-noncookie)
  refuse,  // force-cookie
};

struct FirstContactSettings {
  crypto::ControlWrap wrap;  // plain, tls-auth or tls-crypt. With a v2 key, plain means: v2 only
  std::optional<crypto::TlsCryptV2ServerKey> tls_crypt_v2;
  OldTlsCryptV2Clients old_clients = OldTlsCryptV2Clients::admit;
  std::chrono::seconds hand_window{60};
  RateLimit::Settings initial_limit{100,
                                    std::chrono::seconds(10)};  // connect-freq-initial: answers to resets
  RateLimit::Settings session_limit;                            // connect-freq: new sessions
};

// Send the first `size` bytes of the reply buffer to where the packet came from, and forget them.
struct ResetReply {
  std::size_t size;
};

// Make a session and give it the packet that led here.
struct NewSession {
  enum class Start : std::uint8_t {
    after_cookie,       // both resets are done: the server's had message id 0, packet id 1
    from_client_reset,  // the packet is the client's reset; `local` is fresh
  };
  Start start;
  SessionId local;
  SessionId client;
  crypto::ControlWrap wrap;
  // The client's own key (Kc) behind `wrap`, if it brought one; dynamic tls-crypt mixes it in.
  std::optional<crypto::KeyMaterial> client_key;
  // What the client's key file says about it, if it is a tls-crypt-v2 key with metadata; still to be judged.
  std::optional<crypto::TlsCryptMetadata> metadata;
};

using FirstContactVerdict = std::variant<DropReason, ResetReply, NewSession>;

// One per listening server, used by one thread. Allocates nothing for a packet that does not authenticate;
// for one that does, only with tls-crypt-v2 or when a session is to be made.
class FirstContact {
 public:
  explicit FirstContact(FirstContactSettings settings);

  // One datagram from an unknown address, or one with a reset that belongs to no session of a known address.
  // `client_address`: any unique encoding of address and port. The DropReason in a verdict is never `none`.
  FirstContactVerdict judge(std::span<const std::byte> packet, std::span<const std::byte> client_address,
                            std::span<std::byte, kMaxResetReplySize> reply, Now now);

  // The first packet of an accepted stream, where the transport has proven the address: NewSession or
  // DropReason.
  FirstContactVerdict judge_stream(std::span<const std::byte> packet, Now now);

  // A client that was let in has finished its handshake: its reset no longer counts towards the initial
  // limit.
  void handshake_completed() noexcept { initial_limit_.give_back(); }

 private:
  static constexpr std::size_t kScratchSize = 2048;  // the largest control packet that is looked at

  struct Opened {
    DropReason drop = DropReason::none;
    ControlHeader header{};
    crypto::ControlHeader wrapping;
    ControlBody body;  // its payload lies in the packet or in scratch_
    crypto::ControlWrap wrap;
    std::optional<crypto::KeyMaterial> client_key;
    std::optional<crypto::TlsCryptMetadata> metadata;
  };

  static Opened refused(DropReason reason);
  Opened open(std::span<const std::byte> packet);
  FirstContactVerdict answer_reset(Opened& opened, std::span<const std::byte> client_address,
                                   std::span<std::byte, kMaxResetReplySize> reply, Now now);
  FirstContactVerdict check_cookie(Opened& opened, std::span<const std::byte> client_address, Now now);
  FirstContactVerdict start_from_reset(Opened& opened, Now now);

  FirstContactSettings settings_;
  SessionCookie cookie_;
  RateLimit initial_limit_;
  RateLimit session_limit_;
  std::array<std::byte, kScratchSize> scratch_;
};

}  // namespace vpnd::proto
