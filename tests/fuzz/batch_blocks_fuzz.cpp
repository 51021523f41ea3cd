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

template <typename Wanted>
Wanted only_block(Bytes& body) {
  proto::BlockReader reader(body);
  const auto block = reader.next();
  require(std::holds_alternative<Wanted>(block));
  require(std::holds_alternative<proto::BodyEnd>(reader.next()));
  return std::get<Wanted>(block);
}

void check(const proto::PacketBlock& packet) {
  Bytes body(packet.bytes.begin(), packet.bytes.end());
  if (packet.checksum_partial) {
    require(proto::can_be_partial(body));
    proto::mark_checksum_partial(body.data());
  }
  const auto again = only_block<proto::PacketBlock>(body);
  require(std::ranges::equal(again.bytes, packet.bytes) && again.checksum_partial == packet.checksum_partial);
}

void check(const proto::SliceBlock& slice) {
  proto::SliceHeader header{.unit = slice.unit,
                            .offset = slice.offset,
                            .first = slice.first,
                            .last = slice.last,
                            .meta = slice.meta};
  for (const bool sized : {false, true}) {
    if (sized) header.size = static_cast<std::uint16_t>(slice.payload.size());
    Bytes body(proto::encoded_size(header) + slice.payload.size());
    std::ranges::copy(slice.payload, proto::write_slice_header(header, body.data()));
    const auto again = only_block<proto::SliceBlock>(body);
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
  for (auto block = reader.next(); !std::holds_alternative<proto::BodyEnd>(block); block = reader.next()) {
    if (const auto* packet = std::get_if<proto::PacketBlock>(&block)) {
      extent.use(packet->bytes);
      check(*packet);
    }
    if (const auto* slice = std::get_if<proto::SliceBlock>(&block)) {
      if (slice->meta) extent.use(slice->meta->headers);
      extent.use(slice->payload);
      check(*slice);
    }
  }
  return 0;
}
