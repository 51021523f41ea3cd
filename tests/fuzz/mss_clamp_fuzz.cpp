// MSS clamping of arbitrary packets. Input: MSS (2 bytes), then the packet.

#include "tunio/mss_clamp.hpp"

#include <cstdlib>
#include <vector>

#include "tunio/ip_packet.hpp"

namespace {

using namespace vpnd::tunio;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto mss = static_cast<std::uint16_t>(data[0] << 8 | data[1]);
  const auto* const begin = reinterpret_cast<const std::byte*>(data + 2);
  const std::vector<std::byte> original(begin, begin + size - 2);
  std::vector<std::byte> packet = original;
  const auto view = IpPacket::parse(original);
  const bool was_good = view && verify_transport_checksum(*view) == ChecksumVerdict::good;

  const bool changed = clamp_mss(packet, mss, ChecksumState::complete);
  require(changed == (packet != original));
  if (changed && was_good) {
    require(verify_transport_checksum(*IpPacket::parse(packet)) == ChecksumVerdict::good);
  }
  require(!clamp_mss(packet, mss, ChecksumState::complete));  // once is enough
  return 0;
}
