#include "vpnd/dataplane/retransmission_watch.hpp"

#include "tunio/byte_order.hpp"

namespace vpnd::dataplane {
namespace {

constexpr std::size_t kPortsSize = 4;
constexpr std::size_t kSequenceOffset = 4;

std::uint32_t mixed(std::uint32_t hash, std::span<const std::byte> words) noexcept {
  constexpr std::uint32_t kOdd = 0x9e3779b1;  // 2^32 divided by the golden ratio
  for (; words.size() >= 4; words = words.subspan(4)) {
    hash = (hash ^ tunio::load_be32(words.data())) * kOdd;
    hash ^= hash >> 15;
  }
  return hash;
}

// Of addresses and ports.
std::uint32_t connection_hash(const tunio::IpPacket& packet) noexcept {
  const auto addresses = packet.is_v4() ? packet.bytes().subspan(12, 8) : packet.bytes().subspan(8, 32);
  return mixed(mixed(0, addresses), packet.transport().first(kPortsSize));
}

bool is_before(std::uint32_t one, std::uint32_t other) noexcept {
  return static_cast<std::int32_t>(one - other) < 0;
}

}  // namespace

bool RetransmissionWatch::repeats(const tunio::IpPacket& packet) noexcept {
  if (packet.protocol() != tunio::kProtocolTcp || packet.is_fragment() || !packet.has_transport())
    return false;
  const auto header_size = tunio::tcp_header_size(packet.transport());
  if (!header_size || packet.transport().size() == *header_size) return false;

  const std::uint32_t begin = tunio::load_be32(packet.transport().data() + kSequenceOffset);
  const auto end = static_cast<std::uint32_t>(begin + packet.transport().size() - *header_size);
  const std::uint32_t tag = connection_hash(packet);
  Connection& connection = connections_[tag % kConnections];
  if (connection.tag != tag) {
    connection = {tag, end};
    return false;
  }
  const bool again = is_before(begin, connection.next);
  if (is_before(connection.next, end)) connection.next = end;
  return again;
}

}  // namespace vpnd::dataplane
