// The view of an inner packet: whatever it says must lie inside the bytes.

#include "tunio/ip_packet.hpp"

#include <cstdlib>

#include "tunio/checksum.hpp"

namespace {

using namespace vpnd::tunio;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto packet = IpPacket::parse(bytes);
  if (!packet) return 0;
  require(packet->size() <= size && packet->size() == claimed_length(bytes));
  require(packet->source().family() == packet->family());
  require(packet->destination().is_v4() == packet->is_v4());
  if (packet->has_transport()) {
    require(packet->transport_offset() <= packet->size());
    const auto header = tcp_header_size(packet->transport());
    require(!header || *header <= packet->transport().size());
  }
  verify_header_checksum(*packet);
  verify_transport_checksum(*packet);
  return 0;
}
