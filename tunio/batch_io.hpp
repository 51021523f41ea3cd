#pragma once

// The event loop of a worker: batches into and out of the kernel.
//
// One turn:  wait() → look at the arrivals → write_tun() / send_udp() / write_stream() → flush() → wait() …
// Whatever had arrived when wait() looked is the batch; nothing ever waits for a batch to fill.
//
// Two implementations behave alike: io_uring (uring_io.hpp) and epoll with recvmmsg/sendmmsg (epoll_io.hpp);
// a third lives in memory for tests (memory_io.hpp).

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "tunio/buffer_pool.hpp"
#include "tunio/endpoint.hpp"
#include "tunio/io_counters.hpp"
#include "tunio/unique_fd.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {

/// Limits of one run given to send_udp(). Linux < 6.9 takes 64 segments. A device's gso_max_size is 65,536
/// and counts Ethernet's and IP's headers too: what reaches it is cut in software (gso_features_check() in
/// net/core/dev.c), which costs more than two runs.
inline constexpr std::size_t kMaxSegmentsPerRun = 64;
inline constexpr std::size_t kMaxRunBytes = 65536 - 1 - 18 - 40 - 8;
/// Most pieces of one TunWrite (the kernel takes 1,024 with the virtio-net header).
inline constexpr std::size_t kMaxWriteParts = 1023;
/// Largest frame behind OpenVPN's 2-byte length on a stream.
inline constexpr std::size_t kMaxFrameSize = 65535;

/// One packet from tun, or a super-packet that `header` says how to cut.
struct TunArrival {
  VirtioNetHeader header;
  std::span<std::byte> packet;
};

/// A run of datagrams from one source, back to back: all are `segment_size` long but the last, which may be
/// shorter. 0 < segment_size <= bytes.size(), checked.
struct UdpArrival {
  Endpoint source;
  std::span<std::byte> bytes;
  std::size_t segment_size;
};

/// Whether the network may cut a datagram. `forbidden`: it leaves with the don't-fragment bit and up to the
/// size of the device's MTU, whatever ICMP messages have said; it arrives whole or not at all.
/// `as_configured`: as UdpOptions::mtu_discovery has it.
enum class Fragments : std::uint8_t { as_configured, forbidden };

/// What the IP header of a datagram says beside its addresses.
struct DatagramHeader {
  DatagramHeader(Fragments may_be_cut, std::uint8_t octet = 0) noexcept
      : fragments(may_be_cut), traffic_class(octet) {}

  Fragments fragments;
  std::uint8_t traffic_class;  // IPv4's type of service, IPv6's traffic class (RFC 2474); 0: the socket's
};

/// A datagram of `size` bytes to `to` that must not be cut, and is larger than the own device or a route
/// takes (EMSGSIZE).
struct UdpRefusal {
  Endpoint to;
  std::size_t size;
};

/// Names one TCP connection of one BatchIo. Not used again for another one before 65,536 connections later.
struct StreamId {
  std::uint32_t value = 0;
  bool operator==(const StreamId&) const = default;
};

/// Whole frames only, each behind its 2-byte length (network order, not counting itself, 1 … the configured
/// limit). One stream may have several arrivals in a turn; they stand in order.
struct StreamArrival {
  StreamId stream;
  std::span<std::byte> frames;
};

/// The stream is gone and its id no longer valid; frames received before that are in the same turn's
/// `streams` or in an earlier one. `reason`: a system error, or one of StreamError.
struct StreamClosed {
  StreamId stream;
  std::error_code reason;
};

enum class StreamError { end_of_stream = 1, bad_frame_length };
const std::error_category& stream_category() noexcept;
std::error_code make_error_code(StreamError error) noexcept;

/// What one wait() found. Everything in here is valid until the next wait(), and may be changed in place.
struct Arrivals {
  std::span<const TunArrival> tun;
  std::span<const UdpArrival> udp;
  std::span<const StreamArrival> streams;
  std::span<const StreamClosed> closed;
  bool woken = false;  // wake() was called
  std::error_code
      tun_failure;  // set once: the device vanished or cannot be read any more; give another or end
  std::error_code udp_failure;  // set once: the socket cannot be read any more

  bool empty() const noexcept {
    return tun.empty() && udp.empty() && streams.empty() && closed.empty() && !woken && !tun_failure &&
           !udp_failure;
  }
};

/// One packet or super-packet in pieces, headers and payload wherever they lie.
struct TunWrite {
  VirtioNetHeader header;
  std::span<const iovec> parts;
};

/// Owned by one thread: the first to call wait() or flush(), and it alone calls anything but wake() from then
/// on. It destroys it, too: only there can what is in flight be cancelled. Nothing here throws once it is
/// made but add_stream(), and only streams allocate: when added, and while their queues grow to a new size.
class BatchIo {
 public:
  BatchIo() = default;
  BatchIo(const BatchIo&) = delete;
  BatchIo& operator=(const BatchIo&) = delete;
  virtual ~BatchIo() = default;

  /// Releases the former arrivals, then returns what is there: at once if there is anything, else with the
  /// first thing that comes, else empty after `timeout` (zero: only look; nanoseconds::max(): no limit). May
  /// return empty a little earlier when a signal interrupts. The work of one turn is bounded by the number of
  /// receive slots. Flushes first what was not flushed.
  virtual const Arrivals& wait(std::chrono::nanoseconds timeout) = 0;

  /// Queues packets for tun. The pieces may lie in arrivals; they, and the iovecs, must stay unchanged until
  /// flush() returns: then the device has taken or refused all. Failures are counted, never fatal. Without
  /// tun: counted too.
  virtual void write_tun(std::span<const TunWrite> writes) = 0;

  /// Queues a run of datagrams: `size` bytes at the start of `run`, in datagrams of `segment_size`, the last
  /// may be shorter. 0 < segment_size <= size <= kMaxRunBytes; at most kMaxSegmentsPerRun datagrams. Goes out
  /// with flush(), or when the socket has room again; dropped and counted when the bounded queue is full.
  /// Order is kept per socket.
  virtual void send_udp(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
                        DatagramHeader header) = 0;

  /// Bytes of runs queued here that the kernel has not taken.
  virtual std::size_t udp_backlog() const = 0;

  /// The last of the refusals since it was asked before.
  virtual std::optional<UdpRefusal> take_udp_refusal() = 0;

  /// Takes a connected TCP socket (or any stream socket); makes it non-blocking. May allocate.
  virtual StreamId add_stream(UniqueFd connection) = 0;

  /// Ends the stream without a StreamClosed; what the kernel has not taken yet is lost. Unknown ids are
  /// ignored. Arrivals of this turn stay valid.
  virtual void close_stream(StreamId stream) = 0;

  /// Queues `size` bytes at the start of `frames`: whole frames, each with its length in front. Goes out with
  /// flush() and when the socket has room. Refused and counted beyond IoConfig::stream_backlog_limit. Unknown
  /// ids: dropped.
  virtual void write_stream(StreamId stream, Buffer&& frames, std::size_t size) = 0;

  /// Bytes queued here that the kernel has not taken; 0 for unknown ids.
  virtual std::size_t stream_backlog(StreamId stream) const = 0;

  /// Hands everything queued to the kernel, in one system call where the engine can.
  virtual void flush() = 0;

  /// Exchanges a device or socket at run time (a client that reconnects, tun opened after the push). Empty:
  /// none from now on. Datagrams queued for the old socket are flushed or dropped. Arrivals of this turn stay
  /// valid.
  virtual void replace_tun(UniqueFd tun) = 0;
  virtual void replace_udp(UniqueFd udp) = 0;

  /// Makes wait() return soon with `woken` set. The one call that other threads may make; several before a
  /// wait() count as one.
  virtual void wake() noexcept = 0;

  virtual const IoCounters& counters() const = 0;

  /// "io_uring" or "epoll", with what is switched off, for the log.
  virtual std::string description() const = 0;
};

enum class Engine : std::uint8_t { automatic, io_uring, epoll };
enum class Offload : std::uint8_t { on, off };

struct IoConfig {
  UniqueFd tun;  // opened by TunDevice (tun_device.hpp), of either driver; empty: none yet
  UniqueFd udp;  // udp_socket.hpp; empty: none yet. UDP_GRO is read if the socket has it switched on.
  Engine engine = Engine::automatic;
  Offload udp_segmentation = Offload::on;  // UDP_SEGMENT
  Offload tun_multishot = Offload::on;     // io_uring multishot read on tun
  std::size_t tun_slots = 64;              // reads from tun in one turn; rounded up to a power of two
  std::size_t net_slots = 64;              // runs and stream reads in one turn; rounded up to a power of two
  std::size_t turn_bytes = std::size_t{1024} * 1024;  // from either side in one turn, about (turn_limit.hpp)
  std::chrono::microseconds hold{0};                  // once a packet has arrived, wait so long for more
  std::function<void(std::chrono::microseconds)> pause = {};  // how that is waited; empty: asleep
  std::size_t udp_queue_runs = 128;                           // runs that wait for a full socket buffer
  std::size_t max_frame_size = kMaxFrameSize;                 // on streams; a longer one ends the stream
  std::size_t stream_backlog_limit =
      std::size_t{4} * 1024 * 1024;  // bytes per stream, a bound for memory, not a queue policy
};

struct IoCapabilities;

/// Which engine is taken of those that may be asked for, and for the log why. Throws std::system_error when
/// Engine::io_uring was asked for and is not to be had.
struct EngineChoice {
  Engine engine = Engine::epoll;
  std::string why;
};
EngineChoice choose_engine(Engine wanted, const IoCapabilities& capabilities);

/// Makes the engine asked for; `automatic` prefers io_uring and falls back to epoll where the kernel or a
/// sandbox refuses it. `why` becomes one line for the log: what was chosen and why. Throws std::system_error
/// when Engine::io_uring was asked for and is not to be had, or memory is short.
std::unique_ptr<BatchIo> make_batch_io(IoConfig config, std::string& why);

}  // namespace vpnd::tunio

template <>
struct std::is_error_code_enum<vpnd::tunio::StreamError> : std::true_type {};
