// What it costs to sum, split and merge about 64 KB of TCP in segments of 1,448 bytes.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "tunio/byte_order.hpp"
#include "tunio/checksum.hpp"
#include "tunio/coalescer.hpp"
#include "tunio/segmentation.hpp"

namespace vpnd::tunio {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kPayload = 64000;
constexpr std::uint16_t kSegment = 1448;
constexpr VirtioNetHeader kHeader = {
    .flags = kVirtioNeedsChecksum, .gso_type = kVirtioGsoTcpV4, .gso_size = kSegment};

Bytes super_packet() {
  Bytes packet(40 + kPayload, std::byte{0x5a});
  std::fill_n(packet.begin(), 40, std::byte{0});
  packet[0] = std::byte{0x45};
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  store_be16(&packet[6], 0x4000);
  packet[8] = std::byte{64};
  packet[9] = std::byte{kProtocolTcp};
  store_be32(&packet[12], 0x0a080001);
  store_be32(&packet[16], 0x0a080002);
  packet[32] = std::byte{0x50};
  packet[33] = std::byte{0x10};
  return packet;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void checksum(benchmark::State& state) {
  const Bytes bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
  for (auto _ : state) benchmark::DoNotOptimize(InternetSum().add(bytes).folded());
  count_bytes(state, bytes.size());
}
BENCHMARK(checksum)->Arg(20)->Arg(64)->Arg(1448)->Arg(65536);

void checksum_copying(benchmark::State& state) {
  const Bytes bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
  Bytes copy(bytes.size());
  for (auto _ : state) benchmark::DoNotOptimize(InternetSum().add_copying(bytes, copy.data()).folded());
  count_bytes(state, bytes.size());
}
BENCHMARK(checksum_copying)->Arg(64)->Arg(1448)->Arg(65536);

void split_64k(benchmark::State& state) {
  const Bytes packet = super_packet();
  Bytes segments(packet.size() * 2);
  for (auto _ : state) {
    const auto segmenter = Segmenter::parse(kHeader, packet);
    std::byte* to = segments.data();
    for (std::size_t i = 0; i < segmenter->count(); ++i) {
      segmenter->write(i, to);
      to += segmenter->segment_size(i) + 24;  // where the next record's packet would be
    }
    benchmark::DoNotOptimize(segments.data());
  }
  count_bytes(state, kPayload);
}
BENCHMARK(split_64k);

void merge_64k(benchmark::State& state) {
  const Bytes packet = super_packet();
  const auto segmenter = Segmenter::parse(kHeader, packet);
  std::vector<Bytes> segments;
  for (std::size_t i = 0; i < segmenter->count(); ++i) {
    segments.emplace_back(segmenter->segment_size(i));
    segmenter->write(i, segments.back().data());
  }
  const Bytes first = segments[0];  // whose headers are patched in place
  const auto checksum_state = static_cast<InnerChecksum>(state.range(0));
  Coalescer coalescer(Coalescer::UdpMerging::on);
  std::size_t outputs = 0;
  for (auto _ : state) {
    std::copy_n(first.begin(), 40, segments[0].begin());
    bool taken = true;
    for (Bytes& segment : segments) taken = coalescer.add(segment, checksum_state) && taken;
    outputs = coalescer.finish().size();
    benchmark::DoNotOptimize(taken);
    coalescer.clear();
  }
  if (outputs != 1) state.SkipWithError("the segments did not merge into one packet");
  count_bytes(state, kPayload);
}
BENCHMARK(merge_64k)
    ->ArgName("trust")
    ->Arg(static_cast<int>(InnerChecksum::unverified))
    ->Arg(static_cast<int>(InnerChecksum::verified));

}  // namespace
}  // namespace vpnd::tunio
