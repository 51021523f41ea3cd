#include "proto/drop_reason.hpp"

namespace vpnd::proto {

std::string_view text(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::none:
      return "not dropped";
    case DropReason::malformed:
      return "malformed packet";
    case DropReason::too_short:
      return "packet too short";
    case DropReason::too_big:
      return "packet too big";
    case DropReason::unknown_opcode:
      return "unknown opcode";
    case DropReason::not_ip:
      return "neither IPv4 nor IPv6 inside";
    case DropReason::compressed:
      return "compressed packet";
    case DropReason::stream_framing:
      return "stream framing lost";
    case DropReason::unit_incomplete:
      return "super-packet with missing slices";
    case DropReason::unknown_peer:
      return "unknown peer";
    case DropReason::unknown_key:
      return "unknown key id";
    case DropReason::session_id_mismatch:
      return "session id of another session";
    case DropReason::wrong_address:
      return "session's packet from another address";
    case DropReason::key_ids_out_of_sync:
      return "key ids out of sync";
    case DropReason::not_established:
      return "tunnel not established";
    case DropReason::bad_tag:
      return "authentication failed";
    case DropReason::replayed:
      return "replayed packet";
    case DropReason::replay_too_old:
      return "packet behind the replay window";
    case DropReason::bad_wrap:
      return "control packet authentication failed";
    case DropReason::control_replayed:
      return "replayed control packet";
    case DropReason::bad_cookie:
      return "wrong or expired session cookie";
    case DropReason::bad_tls_crypt_v2_key:
      return "unusable tls-crypt-v2 client key";
    case DropReason::foreign_source:
      return "inner source address is not the peer's";
    case DropReason::no_route:
      return "no route for the inner destination";
    case DropReason::ipv6_blocked:
      return "IPv6 is blocked";
    case DropReason::rate_limited:
      return "rate limited";
    case DropReason::client_limit:
      return "too many clients";
    case DropReason::window_full:
      return "outside the receive window";
    case DropReason::control_queue_full:
      return "control queue full";
    case DropReason::backlog_full:
      return "send backlog full";
    case DropReason::handover_full:
      return "another worker is behind";
    case DropReason::no_buffer:
      return "no buffer left";
    case DropReason::packet_ids_exhausted:
      return "packet ids used up";
    case DropReason::tun_write_failed:
      return "write to the tun device failed";
    case DropReason::send_failed:
      return "send to the network failed";
    case DropReason::count:
      break;
  }
  return "unknown reason";
}

std::string_view name(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::none:
      return "none";
    case DropReason::malformed:
      return "malformed";
    case DropReason::too_short:
      return "too_short";
    case DropReason::too_big:
      return "too_big";
    case DropReason::unknown_opcode:
      return "unknown_opcode";
    case DropReason::not_ip:
      return "not_ip";
    case DropReason::compressed:
      return "compressed";
    case DropReason::stream_framing:
      return "stream_framing";
    case DropReason::unit_incomplete:
      return "unit_incomplete";
    case DropReason::unknown_peer:
      return "unknown_peer";
    case DropReason::unknown_key:
      return "unknown_key";
    case DropReason::session_id_mismatch:
      return "session_id_mismatch";
    case DropReason::wrong_address:
      return "wrong_address";
    case DropReason::key_ids_out_of_sync:
      return "key_ids_out_of_sync";
    case DropReason::not_established:
      return "not_established";
    case DropReason::bad_tag:
      return "bad_tag";
    case DropReason::replayed:
      return "replayed";
    case DropReason::replay_too_old:
      return "replay_too_old";
    case DropReason::bad_wrap:
      return "bad_wrap";
    case DropReason::control_replayed:
      return "control_replayed";
    case DropReason::bad_cookie:
      return "bad_cookie";
    case DropReason::bad_tls_crypt_v2_key:
      return "bad_tls_crypt_v2_key";
    case DropReason::foreign_source:
      return "foreign_source";
    case DropReason::no_route:
      return "no_route";
    case DropReason::ipv6_blocked:
      return "ipv6_blocked";
    case DropReason::rate_limited:
      return "rate_limited";
    case DropReason::client_limit:
      return "client_limit";
    case DropReason::window_full:
      return "window_full";
    case DropReason::control_queue_full:
      return "control_queue_full";
    case DropReason::backlog_full:
      return "backlog_full";
    case DropReason::handover_full:
      return "handover_full";
    case DropReason::no_buffer:
      return "no_buffer";
    case DropReason::packet_ids_exhausted:
      return "packet_ids_exhausted";
    case DropReason::tun_write_failed:
      return "tun_write_failed";
    case DropReason::send_failed:
      return "send_failed";
    case DropReason::count:
      break;
  }
  return "unknown";
}

}  // namespace vpnd::proto
