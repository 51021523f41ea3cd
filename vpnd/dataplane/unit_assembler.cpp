#include "vpnd/dataplane/unit_assembler.hpp"

#include <algorithm>
#include <cstring>

namespace vpnd::dataplane {

using proto::DropReason;
using tunio::UnitHeaders;

namespace {

// Unit numbers are 8 bits and go round.
bool is_older(std::uint8_t one, std::uint8_t other) noexcept {
  return static_cast<std::int8_t>(static_cast<std::uint8_t>(one - other)) < 0;
}

}  // namespace

std::optional<UnitHeaders> parse_headers(const proto::UnitMeta& meta) noexcept {
  tunio::UnitDescription description;
  switch (meta.kind) {
    case proto::UnitKind::plain:
      description.kind = tunio::UnitKind::plain;
      break;
    case proto::UnitKind::tcp_v4:
      description.kind = tunio::UnitKind::tcp_v4;
      break;
    case proto::UnitKind::tcp_v6:
      description.kind = tunio::UnitKind::tcp_v6;
      break;
    case proto::UnitKind::udp:
      description.kind = tunio::UnitKind::udp;
      break;
  }
  description.checksum_partial = meta.checksum_partial;
  description.congestion = meta.ecn ? tunio::CongestionMark::present : tunio::CongestionMark::absent;
  description.segment_size = meta.segment_size;
  description.payload_size = meta.payload_size;
  return UnitHeaders::parse(description, meta.headers);
}

AssemblyScratch::AssemblyScratch() : headers_(kHeaders) {
  buffers_.reserve(2 * kHeaders);
}

std::byte* AssemblyScratch::take_headers() noexcept {
  return used_ < kHeaders ? headers_[used_++].data() : nullptr;
}

void AssemblyScratch::keep(tunio::Buffer&& buffer) noexcept {
  if (buffer) buffers_.push_back(std::move(buffer));
}

void AssemblyScratch::release() noexcept {
  used_ = 0;
  buffers_.clear();
}

UnitAssembler::UnitAssembler() {
  for (Unit& unit : units_) unit.pieces.reserve(kPieces);
  vectors_.reserve(kPieces + 1);
}

DropReason UnitAssembler::take(const proto::Slice& slice, proto::TimePoint now) noexcept {
  Unit* const unit = unit_for(slice.unit, now);
  if (unit == nullptr) return DropReason::unit_incomplete;
  const DropReason drop = insert(*unit, slice);
  if (drop != DropReason::none) close(*unit);
  return drop;
}

// A slot is taken over by a newer unit. A slice of an older one comes too late, unless what holds the slot
// has been forgotten by its sender long ago.
UnitAssembler::Unit* UnitAssembler::unit_for(std::uint8_t number, proto::TimePoint now) noexcept {
  Unit& unit = units_[number % kUnits];
  if (unit.open && unit.number == number) return &unit;
  if (unit.open && is_older(number, unit.number) && now - unit.since < kHoldWhole) return nullptr;
  if (unit.open && !unit.pieces.empty()) ++lost_units_;
  close(unit);
  unit.followed = is_older(number, newest_);
  if (!unit.followed) {
    newest_ = number;
    end_waiting();
  }
  unit.open = true;
  unit.number = number;
  unit.since = now;
  return &unit;
}

void UnitAssembler::end_waiting() noexcept {
  for (Unit& unit : units_) {
    if (!unit.open) continue;
    unit.followed = true;
    if (!unit.pieces.empty()) has_overdue_ = true;
  }
}

void UnitAssembler::close(Unit& unit) noexcept {
  if (finished_ == &unit) finished_ = nullptr;
  unit.open = false;
  unit.in_parts = false;
  unit.followed = false;
  unit.headers.reset();
  unit.pieces.clear();
  unit.received = 0;
  unit.buffer.reset();
}

DropReason UnitAssembler::insert(Unit& unit, const proto::Slice& slice) noexcept {
  if (slice.meta && !unit.headers) {
    unit.headers = parse_headers(*slice.meta);
    if (!unit.headers) return DropReason::malformed;
    const bool too_long = !unit.pieces.empty() && unit.pieces.back().end() > unit.headers->payload_size();
    if (too_long) return DropReason::malformed;
  }
  const Piece piece{slice.offset, static_cast<std::uint16_t>(slice.payload.size()), slice.payload.data()};
  if (unit.headers && piece.end() > unit.headers->payload_size()) return DropReason::malformed;
  if (unit.pieces.size() == kPieces) return DropReason::malformed;

  auto behind = unit.pieces.end();
  while (behind != unit.pieces.begin() && std::prev(behind)->offset > piece.offset) --behind;
  const bool overlaps = (behind != unit.pieces.begin() && std::prev(behind)->end() > piece.offset) ||
                        (behind != unit.pieces.end() && piece.end() > behind->offset);
  if (overlaps || piece.size == 0) return DropReason::malformed;
  unit.pieces.insert(behind, piece);
  unit.received += piece.size;
  // Pieces do not overlap and none reaches beyond the payload, so as many bytes as it has are all of it.
  if (!unit.in_parts && unit.headers && unit.received == unit.headers->payload_size()) finished_ = &unit;
  return DropReason::none;
}

std::optional<AssembledPacket> UnitAssembler::take_finished(AssemblyScratch& scratch) noexcept {
  if (finished_ == nullptr) return std::nullopt;
  Unit& unit = *finished_;
  const UnitHeaders headers = *unit.headers;
  std::byte* const place = scratch.take_headers();
  std::ranges::copy(headers.bytes(), place);
  vectors_.clear();
  vectors_.push_back({place, headers.bytes().size()});
  for (const Piece& piece : unit.pieces) vectors_.push_back({piece.bytes, piece.size});
  scratch.keep(std::move(unit.buffer));
  close(unit);
  return AssembledPacket{headers, headers.virtio_header(), vectors_};
}

std::optional<AssembledPacket> UnitAssembler::next_part(AssemblyScratch& scratch,
                                                        proto::TimePoint now) noexcept {
  for (std::size_t i = 1; i <= kUnits; ++i) {
    Unit& unit = units_[(newest_ + i) % kUnits];
    while (unit.open && &unit != finished_ && !unit.pieces.empty() && !must_wait(unit, now)) {
      if (!unit.headers || !unit.headers->can_cut()) {
        ++lost_units_;
        close(unit);
        break;
      }
      if (auto part = first_part_of(unit, scratch)) return part;
    }
  }
  has_overdue_ = false;
  return std::nullopt;
}

// The pieces at the front that follow one another without a gap.
std::optional<AssembledPacket> UnitAssembler::first_part_of(Unit& unit, AssemblyScratch& scratch) noexcept {
  const std::size_t offset = unit.pieces.front().offset;
  std::size_t end = offset;
  auto behind = unit.pieces.begin();
  vectors_.clear();
  vectors_.push_back({nullptr, 0});
  for (; behind != unit.pieces.end() && behind->offset == end; ++behind) {
    vectors_.push_back({behind->bytes, behind->size});
    end = behind->end();
  }
  unit.pieces.erase(unit.pieces.begin(), behind);
  unit.in_parts = true;
  const UnitHeaders& headers = *unit.headers;
  if (!headers.can_cut(offset, end - offset)) {
    ++lost_units_;
    return std::nullopt;
  }
  std::byte* const place = scratch.take_headers();
  const auto cut = headers.write_cut(offset, end - offset, place);
  vectors_.front() = {place, cut.size};
  if (unit.pieces.empty()) scratch.keep(std::move(unit.buffer));
  return AssembledPacket{headers, cut.header, vectors_};
}

bool UnitAssembler::must_wait(const Unit& unit, proto::TimePoint now) const noexcept {
  if (unit.in_parts) return false;
  const auto age = now - unit.since;
  if (!unit.headers) return !unit.followed && age < kHoldWhole;  // the last slice brings them once more
  if (!unit.headers->can_cut()) return age < kHoldWhole;
  return !unit.followed && !has_gap(unit) && age < kHold;
}

bool UnitAssembler::has_gap(const Unit& unit) noexcept {
  std::size_t end = 0;
  for (const Piece& piece : unit.pieces) {
    if (piece.offset != end) return true;
    end = piece.end();
  }
  return false;
}

std::size_t UnitAssembler::keep(tunio::BufferPool& buffers) noexcept {
  std::size_t lost = 0;
  for (Unit& unit : units_) {
    if (!unit.open || unit.pieces.empty()) continue;
    const bool spare = buffers.available() > buffers.capacity() / 4;  // runs come first
    if (!unit.buffer && spare) unit.buffer = buffers.take();
    if (!unit.buffer) {
      lost += unit.pieces.size();
      close(unit);
      continue;
    }
    for (Piece& piece : unit.pieces) {
      std::byte* const place = unit.buffer.data() + piece.offset;
      if (piece.bytes != place) std::memcpy(place, piece.bytes, piece.size);
      piece.bytes = place;
    }
  }
  return lost;
}

std::optional<proto::TimePoint> UnitAssembler::deadline() const noexcept {
  std::optional<proto::TimePoint> earliest;
  for (const Unit& unit : units_) {
    if (!unit.open || unit.pieces.empty()) continue;
    const bool soon = unit.headers && unit.headers->can_cut();
    const proto::TimePoint due =
        unit.since + (soon ? proto::Clock::duration(kHold) : proto::Clock::duration(kHoldWhole));
    if (!earliest || due < *earliest) earliest = due;
  }
  return earliest;
}

}  // namespace vpnd::dataplane
