#include "tunio/arrival_lists.hpp"

namespace vpnd::tunio {

ArrivalLists::ArrivalLists(std::size_t tun_capacity, std::size_t net_capacity) {
  tun.reserve(tun_capacity);
  tun_slots.reserve(tun_capacity);
  udp.reserve(net_capacity);
  streams.reserve(2 * net_capacity);  // a chunk gives a joined frame and the whole ones
  joined.resize(net_capacity);
  net_slots.reserve(net_capacity);
  closed.reserve(net_capacity);
}

Arrivals ArrivalLists::view() const noexcept {
  return {.tun = tun,
          .udp = udp,
          .streams = streams,
          .closed = closed,
          .woken = woken,
          .tun_failure = tun_failure,
          .udp_failure = udp_failure};
}

void ArrivalLists::clear() noexcept {
  tun.clear();
  udp.clear();
  streams.clear();
  closed.clear();
  woken = false;
  tun_failure.clear();
  udp_failure.clear();
  tun_reads = 0;
  tun_slots.clear();
  net_slots.clear();
  joined_used = 0;
  ended.clear();
}

bool ArrivalLists::add_chunk(Stream& stream, std::span<std::byte> chunk) {
  const StreamFraming::Frames frames = stream.framing.accept(chunk, joined[joined_used]);
  if (!frames.joined.empty()) {
    streams.push_back({stream.id, frames.joined});
    ++joined_used;
  }
  if (!frames.whole.empty()) streams.push_back({stream.id, frames.whole});
  return !frames.bad_length;
}

void ArrivalLists::forget(StreamId stream) {
  std::erase_if(streams, [&](const StreamArrival& arrival) { return arrival.stream == stream; });
  std::erase_if(closed, [&](const StreamClosed& end) { return end.stream == stream; });
}

}  // namespace vpnd::tunio
