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

  std::size_t tun_reads = 0;  // slots that were filled; with tun_batch each holds many packets
  std::vector<std::uint16_t> tun_slots;
  std::vector<std::uint16_t> net_slots;
  std::vector<std::vector<std::byte>> joined;  // frames that came in pieces; each is used again
  std::size_t joined_used = 0;
  std::vector<std::unique_ptr<Stream>> ended;  // see StreamTable::close()
};

}  // namespace vpnd::tunio
