// Cutting what tun might return. Input: virtio-net header (10 bytes), then the packet. Segments are written
// into buffers of exactly their size, so that the sanitizer sees every byte too many.

#include "tunio/segmentation.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace {

using namespace vpnd::tunio;

constexpr std::size_t kSegmentsTried = 200;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_segment(const Segmenter& segmenter, std::size_t i, bool was_cut) {
  const std::size_t size = segmenter.segment_size(i);
  require(size <= segmenter.largest_segment_size());
  require(i + 1 == segmenter.count() || size == segmenter.largest_segment_size());
  const auto segment = std::make_unique<std::byte[]>(size);
  segmenter.write(i, segment.get());
  if (!was_cut) return;
  const auto view = IpPacket::parse({segment.get(), size});
  require(view && view->size() == size);
  require(verify_header_checksum(*view));
  require(verify_transport_checksum(*view) == ChecksumVerdict::good);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kVirtioNetHeaderSize) return 0;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const VirtioNetHeader header = decode_virtio_net(bytes.first<kVirtioNetHeaderSize>());
  const auto segmenter = Segmenter::parse(header, bytes.subspan(kVirtioNetHeaderSize));
  if (!segmenter) return 0;

  require(segmenter->count() >= 1 && segmenter->count() <= kMaxIpPacketSize);
  const bool was_cut = header.gso_type != kVirtioGsoNone;
  for (std::size_t i = 0; i < std::min(segmenter->count(), kSegmentsTried); ++i) {
    check_segment(*segmenter, i, was_cut);
  }
  check_segment(*segmenter, segmenter->count() - 1, was_cut);
  return 0;
}
