#include "tunio/udp_sender.hpp"

#include <netinet/udp.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tunio/udp_socket.hpp"

namespace vpnd::tunio {
namespace {

constexpr std::size_t kBatch = 64;
/// After so many runs that went plain to a destination, its path is tried again: routes and path MTUs change.
constexpr std::uint32_t kRunsBeforeRetry = 4096;

template <typename Value>
void add_control(UdpMessage& message, int level, int type, const Value& value) noexcept {
  cmsghdr control{};
  control.cmsg_level = level;
  control.cmsg_type = type;
  control.cmsg_len = CMSG_LEN(sizeof value);
  std::byte* const place = message.control.data() + message.header.msg_controllen;
  std::memset(place, 0, CMSG_SPACE(sizeof value));
  std::memcpy(place, &control, sizeof control);
  std::memcpy(place + CMSG_LEN(0), &value, sizeof value);
  message.header.msg_control = message.control.data();
  message.header.msg_controllen += CMSG_SPACE(sizeof value);
}

void add_traffic_class(UdpMessage& message, const Endpoint& to, std::uint8_t octet) noexcept {
  const int value = octet;
  if (to.family() == AF_INET) return add_control(message, IPPROTO_IP, IP_TOS, value);
  add_control(message, IPPROTO_IPV6, IPV6_TCLASS, value);
}

// The interface is the routing's choice, but for a link-local address, which means nothing without one.
void add_source(UdpMessage& message, const Endpoint& to, int family) noexcept {
  const IpAddress& source = to.local();
  if (family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(source.v4_value());
    return add_control(message, IPPROTO_IP, IP_PKTINFO, info);
  }
  sockaddr_storage address;  // writes an IPv4 address as such a socket wants it
  Endpoint(source, 0).to_sockaddr(AF_INET6, address);
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  in6_pktinfo info{};
  info.ipi6_addr = v6.sin6_addr;
  info.ipi6_ifindex = source.is_link_local() ? to.scope() : 0;
  add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
}

}  // namespace

UdpSender::UdpSender(std::size_t capacity, Offload segmentation, IoCounters& counters)
    : counters_(counters),
      wanted_segmentation_(segmentation == Offload::on),
      segmentation_(wanted_segmentation_),
      runs_(std::max<std::size_t>(1, capacity)),
      batch_(kBatch),
      batch_headers_(kBatch),
      batch_owners_(kBatch) {}

void UdpSender::set_socket(int fd) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (!at(i).done) drop(at(i), counters_.udp_send_errors);
  }
  pop_done();
  fd_ = fd;
  blocked_ = false;
  segmentation_ = wanted_segmentation_;
  limits_.fill({});
  family_ = AF_UNSPEC;
  connected_.reset();
  if (fd >= 0) family_ = socket_family(fd);
  rule_.set_socket(fd, family_);
  if (fd < 0) return;
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) {
    connected_ = Endpoint::from_sockaddr(peer, size);
  }
}

void UdpSender::push(const Endpoint& to, Buffer&& run, std::size_t size, std::size_t segment_size,
                     DatagramHeader header) {
  assert(size > 0 && size <= kMaxRunBytes && segment_size > 0 && segment_size <= size);
  assert((size + segment_size - 1) / segment_size <= kMaxSegmentsPerRun);
  Buffer taken = std::move(run);  // gives itself back where this returns early
  const bool unreachable = fd_ < 0 || (family_ == AF_INET && to.family() != AF_INET);
  if (unreachable) {
    ++counters_.udp_send_errors;
    return;
  }
  if (count_ == runs_.size()) {
    ++counters_.udp_send_queue_full;
    return;
  }
  Run& slot = at(count_++);
  slot.to = to;
  slot.buffer = std::move(taken);
  slot.size = size;
  slot.segment_size = segment_size;
  slot.header = header;
  slot.sent = 0;
  slot.plain = goes_plain(to, size, segment_size);
  slot.retried = false;
  slot.done = false;
  backlog_ += size;
}

bool UdpSender::goes_plain(const Endpoint& to, std::size_t size, std::size_t segment_size) noexcept {
  if (size == segment_size) return false;  // one datagram: nothing to cut
  if (!segmentation_) return true;
  PathLimit& limit = limit_of(to);
  if (limit.too_large == 0 || segment_size < limit.too_large || limit.to != to) return false;
  if (++limit.skips < kRunsBeforeRetry) return true;
  limit = {};
  return false;
}

UdpSender::PathLimit& UdpSender::limit_of(const Endpoint& to) noexcept {
  return limits_[std::hash<Endpoint>{}(to) % limits_.size()];
}

void UdpSender::fill(UdpMessage& message, const Run& run, std::size_t offset,
                     std::size_t size) const noexcept {
  message.piece = {run.buffer.data() + offset, size};
  message.header = {};
  message.header.msg_iov = &message.piece;
  message.header.msg_iovlen = 1;
  if (connected_ !=
      run.to) {  // a connected socket knows its route; naming the destination would look it up again
    message.header.msg_name = &message.name;
    message.header.msg_namelen = run.to.to_sockaddr(family_, message.name);
  }
  if (size > run.segment_size)
    add_control(message, IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(run.segment_size));
  if (run.header.traffic_class != 0) add_traffic_class(message, run.to, run.header.traffic_class);
  if (!run.to.local().is_unspecified()) add_source(message, run.to, family_);
}

bool UdpSender::single_messages() const noexcept {
  const Run* first = nullptr;
  for (std::size_t i = 0; i < count_; ++i) {
    const Run& run = at(i);
    if (run.done) continue;
    if (first == nullptr) first = &run;
    if (run.plain || run.header.fragments != first->header.fragments) return false;
  }
  return true;
}

msghdr* UdpSender::begin(std::size_t index) noexcept {
  Run& run = at(index);
  if (run.done) return nullptr;
  rule_.apply(run.header.fragments, run.to.family());
  fill(run.message, run, 0, run.size);
  return &run.message.header;
}

void UdpSender::complete(std::size_t index, int result) noexcept {
  Run& run = at(index);
  if (result >= 0) {
    credit(run, run.size);
  } else if (!run.plain) {  // else a refusal of an earlier run has decided already how this one goes out
    refuse(run, -result);
  }
}

void UdpSender::finish() noexcept {
  pop_done();
  if (has_work()) send_queued();
}

void UdpSender::send_queued() noexcept {
  while (has_work()) {
    const std::size_t messages = gather_batch();
    ++counters_.system_calls;
    const int sent = ::sendmmsg(fd_, batch_headers_.data(), static_cast<unsigned>(messages), MSG_DONTWAIT);
    if (sent < 0) {
      refuse(*batch_owners_[0], errno);
    } else {
      for (std::size_t i = 0; i < static_cast<std::size_t>(sent); ++i) {
        credit(*batch_owners_[i], batch_[i].piece.iov_len);
      }
    }
    pop_done();
  }
}

// As many messages of the oldest runs as one sendmmsg takes, up to the first with another rule about
// fragments.
std::size_t UdpSender::gather_batch() noexcept {
  std::size_t messages = 0;
  for (std::size_t i = 0; i < count_ && messages < kBatch; ++i) {
    Run& run = at(i);
    if (run.done) continue;
    if (messages > 0 && run.header.fragments != batch_owners_[0]->header.fragments) break;
    rule_.apply(run.header.fragments, run.to.family());
    std::size_t offset = run.sent;
    while (offset < run.size && messages < kBatch) {
      const std::size_t size = run.plain ? std::min(run.segment_size, run.size - offset) : run.size;
      fill(batch_[messages], run, offset, size);
      batch_headers_[messages].msg_hdr = batch_[messages].header;
      batch_owners_[messages] = &run;
      ++messages;
      offset += size;
    }
  }
  return messages;
}

void UdpSender::credit(Run& run, std::size_t bytes) noexcept {
  counters_.udp_bytes_sent += bytes;
  counters_.udp_datagrams_sent += (bytes + run.segment_size - 1) / run.segment_size;
  advance(run, bytes);
  if (run.done) ++counters_.udp_runs_sent;
}

// So many bytes more are sent, or given up.
void UdpSender::advance(Run& run, std::size_t bytes) noexcept {
  run.sent += bytes;
  backlog_ -= bytes;
  if (run.sent < run.size) return;
  run.buffer.reset();
  run.done = true;
}

// What a refusal means. Either the socket is blocked afterwards, or the run has changed (plain, shorter,
// gone), so that trying again makes progress.
void UdpSender::refuse(Run& run, int error) noexcept {
  switch (error) {
    case EAGAIN:
      blocked_ = true;
      return;
    case EINTR:
      return;
    case ECONNREFUSED:
      // The answer to an earlier datagram; this one was not sent because of it.
      if (!std::exchange(run.retried, true)) return;
      break;
    case EMSGSIZE:
      // The same, of a router that took no larger one, though the rule for this one is not to believe it
      // (__udp4_lib_err in net/ipv4/udp.c); else the device's own refusal, which is repeated.
      if (run.header.fragments == Fragments::forbidden && !std::exchange(run.retried, true)) return;
      break;
    default:
      break;
  }
  const bool is_run = !run.plain && run.size > run.segment_size;
  if (is_run && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
    refuse_run(run, error);
  } else if (error == EMSGSIZE) {
    skip_refused(run);
  } else {
    drop(run, counters_.udp_send_errors);
  }
}

// This datagram only: the next may be the short last one. Without fragments all others share its fate.
void UdpSender::skip_refused(Run& run) noexcept {
  const std::size_t rest = run.size - run.sent;
  std::size_t datagrams = 1;
  if (run.header.fragments == Fragments::forbidden) {
    datagrams = std::max<std::size_t>(1, rest / run.segment_size);
    refusal_ = {run.to, std::min(run.segment_size, rest)};
  }
  counters_.udp_send_oversized += datagrams;
  advance(run, std::min(datagrams * run.segment_size, rest));
}

// EIO: the device or an IPsec policy in the way cannot checksum segments, so that no run will ever pass.
// EINVAL or EMSGSIZE: the segments are larger than the path takes; plain datagrams are fragmented instead, if
// they may be; where they must not, the sender is about to learn what the path takes.
void UdpSender::refuse_run(Run& run, int error) noexcept {
  ++counters_.gso_fallbacks;
  run.plain = true;
  if (error != EIO) {
    if (run.header.fragments == Fragments::as_configured) limit_of(run.to) = {run.to, run.segment_size, 0};
    return;
  }
  segmentation_ = false;
  for (std::size_t i = 0; i < count_; ++i) at(i).plain = at(i).size > at(i).segment_size;
}

void UdpSender::drop(Run& run, std::uint64_t& counter) noexcept {
  ++counter;
  advance(run, run.size - run.sent);
}

void UdpSender::pop_done() noexcept {
  while (count_ > 0 && at(0).done) {
    first_ = (first_ + 1) % runs_.size();
    --count_;
  }
}

}  // namespace vpnd::tunio
