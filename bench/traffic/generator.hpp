// Sends numbered UDP packets, plainly by sendmmsg: without UDP GSO, so that the stack and the tunnel meet
// each of them.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/traffic/packets.hpp"
#include "bench/traffic/sockets.hpp"

namespace vpnd::bench {

// Payload sizes that take turns. "imix" is 7 small : 4 medium : 1 large, evenly mixed; the large one is such
// that it passes every tunnel under comparison whole. Throws std::invalid_argument for anything but "imix"
// and a size that fits.
std::vector<std::size_t> parse_sizes(const std::string& text);

struct Sent {
  std::uint64_t packets = 0;
  std::uint64_t refusals = 0;  // times the kernel had no room; the packet was offered again
  double seconds = 0;
};

class Generator {
 public:
  Generator(const Endpoint& to, std::vector<std::size_t> sizes, std::uint32_t run);

  // As fast as it goes, or `rate` packets per second.
  Sent run(std::chrono::nanoseconds duration, std::optional<double> rate);

 private:
  void send(std::uint64_t count);

  Socket socket_;
  std::vector<std::size_t> sizes_;
  std::uint32_t run_;
  Packets packets_;
  Sent sent_;
};

}  // namespace vpnd::bench
