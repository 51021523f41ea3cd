// Merging arbitrary packets. Input: one byte of settings, then packets, each behind its length (2 bytes).
// Nothing may get lost, and what was merged must come apart again into sound packets.

#include "tunio/coalescer.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tunio/segmentation.hpp"

namespace {

using namespace vpnd::tunio;
using Bytes = std::vector<std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<Bytes> read_packets(std::span<const std::byte> input) {
  std::vector<Bytes> packets;
  while (input.size() >= 2) {
    const std::size_t claimed =
        std::to_integer<std::size_t>(input[0]) << 8 | std::to_integer<std::size_t>(input[1]);
    input = input.subspan(2);
    const std::size_t size = std::min(claimed, input.size());
    packets.emplace_back(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    input = input.subspan(size);
  }
  return packets;
}

Bytes gathered(const TunWrite& write) {
  Bytes bytes;
  for (const iovec& part : write.parts) {
    const auto* const begin = static_cast<const std::byte*>(part.iov_base);
    bytes.insert(bytes.end(), begin, begin + part.iov_len);
  }
  return bytes;
}

// How many of the packets given are in the output.
std::size_t check_output(const TunWrite& write) {
  if (write.parts.size() == 1) return 1;
  const Bytes packet = gathered(write);
  const auto segmenter = Segmenter::parse(write.header, packet);
  require(segmenter && segmenter->count() == write.parts.size());
  for (std::size_t i = 0; i < segmenter->count(); ++i) {
    Bytes segment(segmenter->segment_size(i));
    segmenter->write(i, segment.data());
    const auto view = IpPacket::parse(segment);
    require(view && verify_header_checksum(*view) &&
            verify_transport_checksum(*view) == ChecksumVerdict::good);
  }
  return segmenter->count();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto udp_merging = (data[0] & 1) != 0 ? Coalescer::UdpMerging::on : Coalescer::UdpMerging::off;
  const auto checksum = static_cast<InnerChecksum>(data[0] / 2 % 3);
  std::vector<Bytes> packets = read_packets({reinterpret_cast<const std::byte*>(data + 1), size - 1});

  Coalescer coalescer(udp_merging, 64);
  std::size_t added = 0, found = 0;
  for (Bytes& packet : packets) {
    if (!coalescer.add(packet, checksum)) break;
    ++added;
  }
  for (const TunWrite& write : coalescer.finish()) found += check_output(write);
  require(added == std::min<std::size_t>(packets.size(), 64) && found == added);
  return 0;
}
