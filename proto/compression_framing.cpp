#include "proto/compression_framing.hpp"

#include <algorithm>
#include <cassert>

namespace vpnd::proto {

namespace {

// The first byte of a frame. docs/protocol.md §9
constexpr std::byte kUncompressed{0xfa};
constexpr std::byte kUncompressedSwapped{0xfb};
constexpr std::byte kLzo{0x66};
constexpr std::byte kLz4{0x69};

// Of stub_v2, where it is followed by the algorithm.
constexpr std::byte kV2Indicator{0x50};
constexpr std::byte kV2Uncompressed{0x00};
constexpr std::byte kV2Lz4{0x01};

StrippedFrame dropped(DropReason reason) noexcept {
  return {reason, {}};
}

StrippedFrame payload_or_malformed(std::span<std::byte> payload) noexcept {
  if (payload.empty()) return dropped(DropReason::malformed);
  return {DropReason::none, payload};
}

DropReason why_not_uncompressed(std::byte head) noexcept {
  const bool is_compressed = head == kLzo || head == kLz4;
  return is_compressed ? DropReason::compressed : DropReason::malformed;
}

StrippedFrame strip_swapped(std::span<std::byte> frame) noexcept {
  if (frame[0] != kUncompressedSwapped) return dropped(why_not_uncompressed(frame[0]));
  frame[0] = frame.back();
  return payload_or_malformed(frame.first(frame.size() - 1));
}

StrippedFrame strip_v2(std::span<std::byte> frame) noexcept {
  if (frame[0] != kV2Indicator) return {DropReason::none, frame};
  if (frame.size() < 2) return dropped(DropReason::malformed);
  if (frame[1] == kV2Lz4) return dropped(DropReason::compressed);
  if (frame[1] != kV2Uncompressed) return dropped(DropReason::malformed);
  return payload_or_malformed(frame.subspan(2));
}

}  // namespace

void apply_framing(CompressionFraming framing, std::span<std::byte> frame) noexcept {
  assert(frame.size() > framing_size(framing));
  switch (framing) {
    case CompressionFraming::none:
    case CompressionFraming::stub_v2:
      return;
    case CompressionFraming::comp_lzo:
      frame.front() = kUncompressed;
      return;
    case CompressionFraming::swap:
      frame.back() = frame.front();
      frame.front() = kUncompressedSwapped;
      return;
  }
}

StrippedFrame strip_framing(CompressionFraming framing, std::span<std::byte> frame) noexcept {
  if (frame.empty()) return dropped(DropReason::malformed);
  switch (framing) {
    case CompressionFraming::none:
      return {DropReason::none, frame};
    case CompressionFraming::comp_lzo:
      if (frame[0] != kUncompressed) return dropped(why_not_uncompressed(frame[0]));
      return payload_or_malformed(frame.subspan(1));
    case CompressionFraming::swap:
      return strip_swapped(frame);
    case CompressionFraming::stub_v2:
      return strip_v2(frame);
  }
  return dropped(DropReason::malformed);
}

bool is_ping(std::span<const std::byte> payload) noexcept {
  return std::ranges::equal(payload, kPingPayload);
}

std::optional<std::uint8_t> occ_op(std::span<const std::byte> payload) noexcept {
  if (payload.size() <= kOccMagic.size()) return std::nullopt;
  if (!std::ranges::equal(payload.first(kOccMagic.size()), kOccMagic)) return std::nullopt;
  return std::to_integer<std::uint8_t>(payload[kOccMagic.size()]);
}

}  // namespace vpnd::proto
