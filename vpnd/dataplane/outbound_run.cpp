#include "vpnd/dataplane/outbound_run.hpp"

#include <algorithm>
#include <utility>

namespace vpnd::dataplane {

void OutboundRun::start(tunio::Buffer&& buffer, Kind kind, std::size_t overhead,
                        std::size_t payload_offset) noexcept {
  buffer_ = std::move(buffer);
  kind_ = kind;
  overhead_ = overhead;
  payload_offset_ = payload_offset;
  used_ = 0;
  open_size_ = 0;
  datagram_size_ = 0;
  closed_ = false;
  count_ = 0;
  sealed_ = 0;
}

bool OutboundRun::takes(std::size_t payload_size) const noexcept {
  const std::size_t record_size = overhead_ + payload_size;
  const std::size_t limit = count_ == 0 ? hard_limit() : size_limit();
  if (count_ == records_.size() || used_ + prefix_size() + record_size > limit) return false;
  if (kind_ == Kind::frames || count_ == 0) return true;
  return !closed_ && record_size <= datagram_size_;
}

void OutboundRun::add(const std::byte* payload, std::size_t payload_size) noexcept {
  const std::size_t record_size = overhead_ + payload_size;
  if (kind_ == Kind::frames) {
    end()[0] = static_cast<std::byte>(record_size >> 8);
    end()[1] = static_cast<std::byte>(record_size & 0xff);
  }
  records_[count_++] = {.plaintext = payload, .size = payload_size, .wire = end() + prefix_size()};
  if (datagram_size_ == 0) datagram_size_ = record_size;
  closed_ = record_size < datagram_size_;
  used_ += prefix_size() + record_size;
}

std::size_t OutboundRun::body_limit(std::size_t wanted) const noexcept {
  const std::size_t around = used_ + prefix_size() + overhead_;
  if (closed_ || count_ == records_.size() || around >= size_limit()) return 0;
  const std::size_t room = size_limit() - around;
  if (kind_ == Kind::frames || count_ == 0) return std::min(wanted, room);
  // What is left at the end of a run is no place for a datagram: on the road each costs its headers, however
  // short it is.
  const std::size_t full = datagram_size_ - overhead_;
  return room < full ? 0 : std::min(wanted, full);
}

void OutboundRun::close_record() noexcept {
  if (open_size_ > 0) add_in_place(std::exchange(open_size_, 0));
}

std::size_t OutboundRun::wire_size(std::size_t count) const noexcept {
  if (count == count_) return used_;
  return static_cast<std::size_t>(records_[count].wire - buffer_.data()) - prefix_size();
}

}  // namespace vpnd::dataplane
