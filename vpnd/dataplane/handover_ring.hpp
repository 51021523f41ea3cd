// What one worker hands to another: packets and datagrams in a ring of bytes with one writer and one reader.
//
//        ┌──────────────── capacity ────────────────┐
//        │ note bytes │ note bytes │     free      │      a record: what it is, then the bytes, in one piece
//        └────────────┴────────────┴───────────────┘      (where it does not fit before the end, a gap)
//        ▲ released    ▲ read       ▲ published
//
// The writer fills in a batch and publishes it at once; the reader works on the bytes where they lie and
// releases a batch at once. So two stores to shared memory cost a batch, and nothing is copied a second time.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "tunio/endpoint.hpp"
#include "tunio/virtio_net.hpp"
#include "vpnd/dataplane/messages.hpp"

namespace vpnd::dataplane {

/// What is handed over, and what its new owner is to do with it.
struct HandoverNote {
  enum class Kind : std::uint8_t {
    from_tun,   ///< a packet or super-packet of tun, with its `header`, to be sent to `peer`
    from_peer,  ///< the same of another peer
    datagram    ///< from the network: a data packet of a peer, to be opened; it came from `source`
  };
  Kind kind = Kind::from_tun;
  tunio::VirtioNetHeader header{};
  PeerIndex peer{0};
  tunio::Endpoint source{};
};

/// A record as the reader sees it. The bytes may be changed in place, until release().
struct HandedOver {
  HandoverNote note;
  std::span<std::byte> bytes;
};

/// Each side belongs to one thread; neither allocates, waits or locks.
class HandoverRing {
 public:
  /// Largest record: an IP packet, or one datagram.
  static constexpr std::size_t kMaxBytes = 65535;

  /// `capacity` is rounded up, to hold at least one record of the largest size wherever it begins. Memory
  /// that was never written to costs nothing.
  explicit HandoverRing(std::size_t capacity);
  HandoverRing(const HandoverRing&) = delete;
  HandoverRing& operator=(const HandoverRing&) = delete;

  // ---- the writer's side ----

  /// Adds a record to the batch. False: there is no room, or it is longer than kMaxBytes.
  [[nodiscard]] bool write(const HandoverNote& note, std::span<const std::byte> bytes) noexcept;
  /// Shows the batch to the reader. False: there was none.
  bool publish() noexcept;

  // ---- the reader's side ----

  /// The next record that was published, or nothing.
  std::optional<HandedOver> read() noexcept;
  /// Gives the room of all records read so far back to the writer.
  void release() noexcept;

 private:
  // Records begin at multiples of this, so that a note fits wherever one begins; two threads never write to
  // one cell, which is a cache line.
  static constexpr std::size_t kCell = 64;
  struct Cell {
    alignas(kCell) std::byte bytes[kCell];
  };

  static std::size_t cells_for(std::size_t bytes) noexcept { return 1 + (bytes + kCell - 1) / kCell; }
  std::byte* at(std::uint64_t position) const noexcept;
  std::uint64_t cells_before_end(std::uint64_t position) const noexcept;

  // Positions count cells since the beginning of time; a place in memory is what remains modulo cells_.
  const std::uint64_t cells_;
  const std::unique_ptr<Cell[]> memory_;

  alignas(kCell) std::atomic<std::uint64_t> published_{0};
  std::uint64_t written_ = 0;         // by the writer, perhaps not published yet
  std::uint64_t released_known_ = 0;  // what the writer last saw of released_

  alignas(kCell) std::atomic<std::uint64_t> released_{0};
  std::uint64_t read_ = 0;
  std::uint64_t published_known_ = 0;
};

}  // namespace vpnd::dataplane
