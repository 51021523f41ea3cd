#pragma once

#include <cstdint>

namespace vpnd::tunio {

/// What one BatchIo did since it was made. Written by the thread that owns the BatchIo; others read a copy
/// that this thread hands out.
struct IoCounters {
  std::uint64_t waits = 0;         // calls of wait(): turns of the event loop
  std::uint64_t system_calls = 0;  // io_uring_enter, or every read, send and epoll_wait of the epoll engine

  std::uint64_t tun_reads = 0;  // packets and super-packets
  std::uint64_t tun_read_bytes = 0;
  std::uint64_t tun_writes = 0;  // packets and super-packets
  std::uint64_t tun_write_bytes = 0;

  std::uint64_t udp_runs_received = 0;
  std::uint64_t udp_datagrams_received = 0;
  std::uint64_t udp_bytes_received = 0;
  std::uint64_t udp_runs_sent = 0;
  std::uint64_t udp_datagrams_sent = 0;
  std::uint64_t udp_bytes_sent = 0;

  std::uint64_t stream_bytes_received = 0;
  std::uint64_t stream_bytes_sent = 0;
  std::uint64_t streams_opened = 0;
  std::uint64_t streams_closed = 0;

  std::uint64_t gso_fallbacks = 0;  // runs that were resent datagram by datagram
  std::uint64_t receive_starvations =
      0;  // the kernel had filled all receive slots of the turn (ENOBUFS) and had to be re-armed

  // Drops. Runs count as one whatever number of datagrams they hold.
  std::uint64_t tun_read_malformed = 0;  // shorter than a virtio-net header
  std::uint64_t tun_write_errors =
      0;                             // refused by the device (EINVAL for a header it dislikes, EIO when down)
  std::uint64_t tun_write_full = 0;  // the device's queue was full
  std::uint64_t udp_received_truncated = 0;  // larger than a slot, or its control messages were
  std::uint64_t udp_received_malformed = 0;  // empty datagram, unknown family, impossible GRO size
  std::uint64_t udp_receive_errors = 0;      // ICMP errors reported on the socket
  std::uint64_t udp_send_errors = 0;         // unreachable, no route, refused: this run is lost
  std::uint64_t udp_send_oversized = 0;      // a datagram above what the path or the socket takes
  std::uint64_t udp_send_queue_full = 0;     // socket buffer full and the queue behind it as well
  std::uint64_t stream_write_full = 0;       // frames refused: the backlog limit was reached
  std::uint64_t stream_bad_frames = 0;       // closed over a frame length of zero or above the limit
};

}  // namespace vpnd::tunio
