// What the payload of a test packet begins with. The rest is filling.
//
//     0                   1                   2                   3
//    +---------------------------------------------------------------+
//    | run (32)                                                      |   packets of one measurement share it
//    +---------------------------------------------------------------+
//    | sequence (64), from 0 within the run                          |
//    |                                                               |
//    +---------------------------------------------------------------+
//
// Byte order is the host's: both ends are one machine, or two of a kind.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace vpnd::bench {

struct Stamp {
  static constexpr std::size_t kSize = 12;

  // `packet` holds at least kSize bytes.
  void write(std::span<std::byte> packet) const {
    std::memcpy(packet.data(), &run, sizeof run);
    std::memcpy(packet.data() + sizeof run, &sequence, sizeof sequence);
  }

  // Nothing when the packet is too short to be one of ours.
  static std::optional<Stamp> read(std::span<const std::byte> packet) {
    if (packet.size() < kSize) return std::nullopt;
    Stamp stamp{};
    std::memcpy(&stamp.run, packet.data(), sizeof stamp.run);
    std::memcpy(&stamp.sequence, packet.data() + sizeof stamp.run, sizeof stamp.sequence);
    return stamp;
  }

  std::uint32_t run = 0;
  std::uint64_t sequence = 0;
};

}  // namespace vpnd::bench
