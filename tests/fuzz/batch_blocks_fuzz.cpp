// Bodies of records of the batch channel. What is read lies inside the body, in order and apart; written
// again, it reads the same.

#include "proto/batch_blocks.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace vpnd;
using Bytes = std::vector<std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

// Remembers how far a body was used, so that no byte is handed out twice.
class Extent {
 public:
  explicit Extent(std::span<const std::byte> body) : next_(body.data()), end_(body.data() + body.size()) {}
  void use(std::span<const std::byte> part) {
    require(part.data() >= next_ && part.data() + part.size() <= end_);
    next_ = part.data() + part.size();
  }

 private:
  const std::byte* next_;
  const std::byte* end_;
};

proto::Block only_block(Bytes& body) {
  proto::BlockReader reader(body);
  const proto::Block block = reader.next();
  require(reader.next().kind == proto::BlockKind::end);
  return block;
}

void check_packet(const proto::Block& block) {
  Bytes body(block.packet.begin(), block.packet.end());
  if (block.kind == proto::BlockKind::partial_packet) {
    require(proto::can_be_partial(body));
    proto::mark_checksum_partial(body.data());
  }
  const proto::Block again = only_block(body);
  require(again.kind == block.kind && std::ranges::equal(again.packet, block.packet));
}

void check_slice(const proto::Slice& slice) {
  proto::SliceHeader header{.first = slice.first,
                            .last = slice.last,
                            .unit = slice.unit,
                            .offset = slice.offset,
                            .meta = slice.meta};
  for (const bool sized : {false, true}) {
    if (sized) header.size = static_cast<std::uint16_t>(slice.payload.size());
    Bytes body(proto::slice_header_size(header) + slice.payload.size());
    std::ranges::copy(slice.payload, proto::write_slice_header(header, body.data()));
    const proto::Slice again = only_block(body).slice;
    require(again.unit == slice.unit && again.offset == slice.offset && again.first == slice.first &&
            again.last == slice.last && std::ranges::equal(again.payload, slice.payload));
    require(again.meta.has_value() == slice.meta.has_value());
    if (!slice.meta) continue;
    require(std::ranges::equal(again.meta->headers, slice.meta->headers));
    require(again.meta->kind == slice.meta->kind && again.meta->payload_size == slice.meta->payload_size);
    require(slice.offset + slice.payload.size() <= slice.meta->payload_size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  Bytes body(input.begin(), input.end());
  Extent extent(body);
  proto::BlockReader reader(body);
  for (proto::Block block = reader.next(); block.kind != proto::BlockKind::end; block = reader.next()) {
    if (!block.packet.empty()) {
      extent.use(block.packet);
      check_packet(block);
    }
    if (block.kind == proto::BlockKind::slice) {
      if (block.slice.meta) extent.use(block.slice.meta->headers);
      extent.use(block.slice.payload);
      check_slice(block.slice);
    }
  }
  return 0;
}
