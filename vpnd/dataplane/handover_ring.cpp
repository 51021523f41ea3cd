#include "vpnd/dataplane/handover_ring.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace vpnd::dataplane {

namespace {

// What stands in the first cell of a record.
struct Header {
  enum class Kind : std::uint8_t { record, gap };
  Kind kind;
  std::uint32_t size;  // of the bytes in the following cells
  HandoverNote note;
};
static_assert(std::is_trivially_copyable_v<Header>);

}  // namespace

HandoverRing::HandoverRing(std::size_t capacity)
    : cells_(std::max((capacity + kCell - 1) / kCell, 2 * cells_for(kMaxBytes))),
      memory_(new Cell[cells_]) {  // not cleared: untouched pages stay with the kernel
  static_assert(sizeof(Header) <= kCell);
}

std::byte* HandoverRing::at(std::uint64_t position) const noexcept {
  return reinterpret_cast<std::byte*>(memory_.get() + position % cells_);
}

std::uint64_t HandoverRing::cells_before_end(std::uint64_t position) const noexcept {
  return cells_ - position % cells_;
}

bool HandoverRing::write(const HandoverNote& note, std::span<const std::byte> bytes) noexcept {
  if (bytes.size() > kMaxBytes) return false;
  const std::uint64_t needed = cells_for(bytes.size());
  const std::uint64_t before_end = cells_before_end(written_);
  const std::uint64_t gap = before_end < needed ? before_end : 0;
  if (written_ + gap + needed - released_known_ > cells_) {
    released_known_ = released_.load(std::memory_order_acquire);
    if (written_ + gap + needed - released_known_ > cells_) return false;
  }
  if (gap > 0) {
    const Header header{Header::Kind::gap, 0, {}};
    std::memcpy(at(written_), &header, sizeof header);
    written_ += gap;
  }
  const Header header{Header::Kind::record, static_cast<std::uint32_t>(bytes.size()), note};
  std::memcpy(at(written_), &header, sizeof header);
  if (!bytes.empty()) std::memcpy(at(written_) + kCell, bytes.data(), bytes.size());
  written_ += needed;
  return true;
}

bool HandoverRing::publish() noexcept {
  if (published_.load(std::memory_order_relaxed) == written_) return false;
  published_.store(written_, std::memory_order_release);
  return true;
}

std::optional<HandedOver> HandoverRing::read() noexcept {
  if (read_ == published_known_) {
    published_known_ = published_.load(std::memory_order_acquire);
    if (read_ == published_known_) return std::nullopt;
  }
  Header header;
  std::memcpy(&header, at(read_), sizeof header);
  if (header.kind == Header::Kind::gap) {  // a record follows: both were published together
    read_ += cells_before_end(read_);
    std::memcpy(&header, at(read_), sizeof header);
  }
  const HandedOver record{header.note, {at(read_) + kCell, header.size}};
  read_ += cells_for(header.size);
  return record;
}

void HandoverRing::release() noexcept {
  if (released_.load(std::memory_order_relaxed) != read_) released_.store(read_, std::memory_order_release);
}

}  // namespace vpnd::dataplane
