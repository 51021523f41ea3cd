#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/fragment_rule.hpp"

namespace vpnd::tunio {

/// A message for sendmsg with the memory it points to. Not movable once filled.
struct UdpMessage {
  msghdr header{};
  iovec piece{};
  sockaddr_storage name;
  /// Room for the size of segments, the traffic class and our own address.
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t)) + CMSG_SPACE(sizeof(int)) +
                                             CMSG_SPACE(sizeof(in6_pktinfo))> control;
};

/// What both engines know about sending runs: the queue, what a refusal means, and how a run goes out
/// datagram by datagram. A run goes to the kernel as one message with UDP_SEGMENT; where the kernel refuses
/// that, as many plain ones. io_uring submits the messages of begin() itself and reports with complete();
/// epoll just calls send_queued().
class UdpSender {
 public:
  UdpSender(std::size_t capacity, Offload segmentation, IoCounters& counters);

  /// `fd` < 0: none. Drops what is queued; forgets what was learnt about the old socket.
  void set_socket(int fd);

  void push(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
            DatagramHeader header);

  bool has_work() const noexcept { return count_ > 0 && !blocked_; }
  /// Bytes pushed that were neither sent nor given up.
  std::size_t backlog() const noexcept { return backlog_; }

  /// The socket buffer was full; nothing is tried until writable() is called.
  bool blocked() const noexcept { return blocked_; }
  void writable() noexcept { blocked_ = false; }

  /// Sends with sendmmsg until the queue is empty or the socket is full.
  void send_queued() noexcept;

  /// True when each queued run is a single message and all have the same rule about fragments, so that
  /// begin() and complete() can be used.
  bool single_messages() const noexcept;
  /// The queued runs, oldest first: index < count(). Done ones (sent before one that was refused) give
  /// nothing.
  std::size_t count() const noexcept { return count_; }
  msghdr* begin(std::size_t index) noexcept;
  /// The outcome of a message: bytes, or a negative errno.
  void complete(std::size_t index, int result) noexcept;
  /// After the last complete(): forgets what is done and sends again what was refused as a run.
  void finish() noexcept;

  bool segmentation() const noexcept { return segmentation_; }

  /// What BatchIo::take_udp_refusal() returns.
  std::optional<UdpRefusal> take_refusal() noexcept { return std::exchange(refusal_, std::nullopt); }

 private:
  struct Run {
    Endpoint to;
    Buffer buffer;
    std::size_t size = 0;
    std::size_t segment_size = 0;
    DatagramHeader header{Fragments::as_configured};
    std::size_t sent = 0;  // bytes gone, when it goes datagram by datagram
    bool plain = false;    // datagram by datagram
    bool retried = false;
    bool done = false;
    UdpMessage message;
  };
  /// Destinations whose path takes no run of datagrams that large. A small cache: forgetting costs one
  /// refusal.
  struct PathLimit {
    Endpoint to;
    std::size_t too_large = 0;
    std::uint32_t skips = 0;
  };

  Run& at(std::size_t index) noexcept { return runs_[(first_ + index) % runs_.size()]; }
  const Run& at(std::size_t index) const noexcept { return runs_[(first_ + index) % runs_.size()]; }
  void pop_done() noexcept;
  bool goes_plain(const Endpoint& to, std::size_t size, std::size_t segment_size) noexcept;
  PathLimit& limit_of(const Endpoint& to) noexcept;
  void fill(UdpMessage& message, const Run& run, std::size_t offset, std::size_t size) const noexcept;
  std::size_t gather_batch() noexcept;
  void skip_refused(Run& run) noexcept;
  void advance(Run& run, std::size_t bytes) noexcept;
  void credit(Run& run, std::size_t bytes) noexcept;
  void refuse(Run& run, int error) noexcept;
  void refuse_run(Run& run, int error) noexcept;
  void drop(Run& run, std::uint64_t& counter) noexcept;

  IoCounters& counters_;
  bool wanted_segmentation_;
  bool segmentation_;
  int fd_ = -1;
  int family_ = AF_UNSPEC;
  FragmentRule rule_;
  std::optional<Endpoint> connected_;
  bool blocked_ = false;
  std::optional<UdpRefusal> refusal_;

  std::vector<Run> runs_;  // a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t backlog_ = 0;

  std::array<PathLimit, 64> limits_;
  std::vector<UdpMessage> batch_;  // messages of one sendmmsg, its headers, and whose they are
  std::vector<mmsghdr> batch_headers_;
  std::vector<Run*> batch_owners_;
};

}  // namespace vpnd::tunio
