#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/stream_table.hpp"

namespace vpnd::tunio {

/// The memory behind Arrivals, and the receive slots to give back when the arrivals are released. All lists
/// are reserved for what one turn can hold; only a stream that ends makes one grow.
struct ArrivalLists {
  ArrivalLists(std::size_t tun_capacity, std::size_t net_capacity);

  Arrivals view() const noexcept;
  bool empty() const noexcept { return view().empty(); }
  /// Streams keep the unfinished ends of their chunks, so that the slots may be used again.
  void settle_chunks();
  /// Everything out.
  void clear() noexcept;

  /// Takes a chunk read from a stream. False when the stream must end: a bad frame length.
  bool add_chunk(Stream& stream, std::span<std::byte> chunk);
  /// Nothing of this stream is to be seen any more.
  void forget(StreamId stream);

  std::vector<TunArrival> tun;
  std::vector<UdpArrival> udp;
  std::vector<StreamArrival> streams;
  std::vector<StreamClosed> closed;
  bool woken = false;
  std::error_code tun_failure;
  std::error_code udp_failure;

  std::vector<std::uint16_t> tun_slots;
  std::vector<std::uint16_t> net_slots;
  std::vector<Stream*> chunked;                // their framing still points into a slot
  std::vector<std::unique_ptr<Stream>> ended;  // frames among these arrivals may lie in them
};

}  // namespace vpnd::tunio
