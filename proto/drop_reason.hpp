// Every reason for which vpnd lets a packet die, on the control path and on the data path alike.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vpnd::proto {

enum class [[nodiscard]] DropReason : std::uint8_t{
    none,
    // What the bytes themselves say.
    malformed, too_short, too_big, unknown_opcode, not_ip, compressed, stream_framing, unit_incomplete,
    // Whom the packet claims to belong to.
    unknown_peer, unknown_key, session_id_mismatch, wrong_address, key_ids_out_of_sync, not_established,
    // Authentication and replay.
    bad_tag, replayed, replay_too_old, bad_wrap, control_replayed, bad_cookie, bad_tls_crypt_v2_key,
    // Where the inner packet comes from and leads to.
    foreign_source, no_route, ipv6_blocked,
    // Limits and resources.
    rate_limited, client_limit, window_full, control_queue_full, backlog_full, handover_full, no_buffer,
    packet_ids_exhausted,
    // The kernel's refusals.
    tun_write_failed, send_failed,
    count,  // not a reason: how many there are
};

inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::count);

// A phrase for people, such as "authentication failed".
std::string_view text(DropReason reason) noexcept;

// The identifier for metrics and status output, such as "bad_tag". It never changes once released.
std::string_view name(DropReason reason) noexcept;

}  // namespace vpnd::proto
