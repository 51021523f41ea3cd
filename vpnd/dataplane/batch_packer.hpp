// Outbound, for a peer that speaks the batch channel (docs/protocol.md, "The batch channel"): lays packets
// into the bodies of the records of its run. Small packets share a record, a super-packet spans many and
// stays whole: it is neither cut into packets nor summed. Belongs to one worker thread; nothing here
// allocates or locks.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/batch_blocks.hpp"
#include "proto/drop_reason.hpp"
#include "tunio/segmentation.hpp"
#include "vpnd/dataplane/peer_table.hpp"
#include "vpnd/dataplane/retransmission_watch.hpp"
#include "vpnd/dataplane/run_queue.hpp"

namespace vpnd::dataplane {

class BatchPacker {
 public:
  explicit BatchPacker(RunQueue& runs) : runs_(runs), scratch_(kScratchSize) {}

  /// Copies the packet into the peer's run, or what of its segments comes at or behind `first_segment`, which
  /// is one of them; `header` is the one `segmenter` was made from. The peer has batch settings and a key to
  /// send with.
  [[nodiscard]] proto::DropReason append(Peer& peer, const tunio::VirtioNetHeader& header,
                                         const tunio::Segmenter& segmenter,
                                         std::size_t first_segment = 0) noexcept;

  [[nodiscard]] proto::DropReason append_probe_ack(Peer& peer, const proto::Probe& probe) noexcept;

  /// A record alone in a datagram of just this size, sealed at once.
  [[nodiscard]] proto::DropReason append_probe(Peer& peer, const proto::PathMtu::Probe& probe) noexcept;

  /// An empty record.
  [[nodiscard]] proto::DropReason append_keepalive(Peer& peer) noexcept;

 private:
  // The headers of a unit go with its first slice, and with the last one again where the loss of the first
  // shall not be the loss of all.
  enum class Headers : std::uint8_t { once, twice };

  // What is laid in slices: the payload may be cut at multiples of `grain`.
  struct Unit {
    proto::UnitMeta meta;
    std::span<const std::byte> payload;
    std::size_t grain = 1;
    Headers headers = Headers::once;
  };

  enum class Checksum : std::uint8_t { complete, partial };

  proto::DropReason append_finished(Peer& peer, const tunio::Segmenter& segmenter,
                                    std::size_t first_segment) noexcept;
  proto::DropReason append_packet(Peer& peer, const tunio::IpPacket& packet, Checksum checksum) noexcept;
  proto::DropReason append_super_packet(Peer& peer, const tunio::VirtioNetHeader& header,
                                        const tunio::Segmenter& segmenter,
                                        std::size_t first_segment) noexcept;
  bool take_front(Unit& unit, std::size_t size) noexcept;
  proto::DropReason append_large_packet(Peer& peer, const tunio::IpPacket& packet,
                                        Checksum checksum) noexcept;
  Headers tcp_headers(BatchLane& lane, const tunio::IpPacket& packet) noexcept;
  proto::DropReason append_unit(Peer& peer, const Unit& unit) noexcept;
  proto::DropReason append_slice(Peer& peer, const Unit& unit, std::size_t& offset) noexcept;
  proto::DropReason make_room(Peer& peer, std::size_t needed) noexcept;
  void close_record(Peer& peer, std::size_t needed) noexcept;

  static constexpr std::size_t kScratchSize = 65535 + 40;

  RunQueue& runs_;
  RetransmissionWatch retransmissions_;
  std::vector<std::byte> scratch_;  // for a packet that must be written whole before it is laid in slices
};

}  // namespace vpnd::dataplane
