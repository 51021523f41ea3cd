// Inbound, for a peer that speaks the batch channel: puts the slices of super-packets together again
// (docs/protocol.md, "The batch channel").
//
// A unit that is whole is handed on as one packet in pieces; the payload stays where it was opened. What is
// still missing slices when the turn ends is copied, for the arrivals go away, and waits a moment for the
// rest. Once a slice is known to be lost, or the moment is over, what has arrived is handed on by itself: one
// lost datagram costs the inner connection one segment.
//
// Belongs to one worker thread. Allocates when made and nowhere else.

#pragma once

#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "proto/batch_blocks.hpp"
#include "proto/drop_reason.hpp"
#include "proto/time.hpp"
#include "tunio/buffer_pool.hpp"
#include "tunio/unit_headers.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::dataplane {

/// What a unit says of itself, checked; nothing if it contradicts itself.
std::optional<tunio::UnitHeaders> parse_headers(const proto::UnitMeta& meta) noexcept;

/// A packet in pieces, the first of which holds its headers. The vectors are valid until the next call of the
/// assembler, the bytes until the turn's flush.
struct AssembledPacket {
  tunio::UnitHeaders headers;  ///< of the unit it belongs to, for its addresses
  tunio::VirtioNetHeader header;
  std::span<const iovec> pieces;
};

/// Memory that what is on its way to tun needs until the turn's flush: headers, and buffers of copied slices.
/// One per worker.
class AssemblyScratch {
 public:
  static constexpr std::size_t kHeaders = 256;

  AssemblyScratch();
  /// Room for the headers of one packet; nullptr when the turn has used up all.
  std::byte* take_headers() noexcept;
  void keep(tunio::Buffer&& buffer) noexcept;
  bool is_full() const noexcept { return used_ == kHeaders || buffers_.size() == kHeaders; }
  /// After the flush.
  void release() noexcept;

 private:
  std::vector<std::array<std::byte, tunio::UnitHeaders::kMaxSize>> headers_;
  std::size_t used_ = 0;
  std::vector<tunio::Buffer> buffers_;
};

/// The units of one lane that are not whole yet.
class UnitAssembler {
 public:
  /// How long a unit waits for its rest. Long enough for the next turn, short beside any round trip that
  /// matters.
  static constexpr std::chrono::microseconds kHold{1000};
  /// The same for one that is of no use in parts.
  static constexpr std::chrono::seconds kHoldWhole{1};
  /// Of one packet, headers included.
  static constexpr std::size_t kMaxPieces = 129;

  UnitAssembler();

  /// Takes a slice of an authentic record; its payload must stay until keep() or the scratch's release. The
  /// drop reason is `none` when it was taken; then finished() may have something.
  proto::DropReason take(const proto::Slice& slice, proto::TimePoint now) noexcept;

  /// A slice of this unit would take the place of what next_part() should have first.
  bool would_displace(std::uint8_t unit) const noexcept {
    const Unit& holder = units_[unit % kUnits];
    return holder.open && holder.number != unit && !holder.pieces.empty();
  }

  /// The last slice completed its unit, which is to be taken now. `scratch` is not full.
  bool has_finished() const noexcept { return finished_ != nullptr; }
  std::optional<AssembledPacket> take_finished(AssemblyScratch& scratch) noexcept;

  /// Something came that was sent after the units that are not whole: what is missing of them is late or
  /// lost, and what is there goes first, so that the packets of a flow stay in order.
  void end_waiting() noexcept;
  /// next_part() may have something that what comes now must not overtake.
  bool has_overdue() const noexcept { return has_overdue_; }

  /// What cannot or need not wait any longer, part by part, the oldest first, nothing when there is no more.
  /// `scratch` is not full.
  std::optional<AssembledPacket> next_part(AssemblyScratch& scratch, proto::TimePoint now) noexcept;

  /// Copies what still lies in this turn's arrivals. Returns how many slices were lost for want of a buffer.
  std::size_t keep(tunio::BufferPool& buffers) noexcept;

  /// Some unit waits; it must be looked at by then.
  std::optional<proto::TimePoint> deadline() const noexcept;
  /// Units that were given up since the last call, without having been delivered whole or in parts.
  std::size_t take_lost_units() noexcept { return std::exchange(lost_units_, 0); }

 private:
  static constexpr std::size_t kUnits = 4;  // of one lane at a time; slices of one follow one another
  static constexpr std::size_t kPieces = kMaxPieces - 1;  // of one unit between two deliveries

  struct Piece {
    std::uint16_t offset;
    std::uint16_t size;
    std::byte* bytes;
    std::size_t end() const noexcept { return std::size_t{offset} + size; }
  };

  struct Unit {
    bool open = false;
    bool in_parts = false;  // some of it was delivered, so it will never be whole
    bool followed = false;  // something that was sent later has come
    std::uint8_t number = 0;
    std::optional<tunio::UnitHeaders> headers;
    std::vector<Piece> pieces;  // in order of their offsets, without overlap
    std::size_t received = 0;
    proto::TimePoint since{};
    tunio::Buffer buffer;  // where kept pieces lie, each at its offset
  };

  Unit* unit_for(std::uint8_t number, proto::TimePoint now) noexcept;
  void close(Unit& unit) noexcept;
  proto::DropReason insert(Unit& unit, const proto::Slice& slice) noexcept;
  std::optional<AssembledPacket> first_part_of(Unit& unit, AssemblyScratch& scratch) noexcept;
  bool must_wait(const Unit& unit, proto::TimePoint now) const noexcept;
  static bool has_gap(const Unit& unit) noexcept;

  std::array<Unit, kUnits> units_;
  Unit* finished_ = nullptr;
  bool has_overdue_ = false;
  std::uint8_t newest_ = 0;
  std::vector<iovec> vectors_;
  std::size_t lost_units_ = 0;
};

}  // namespace vpnd::dataplane
