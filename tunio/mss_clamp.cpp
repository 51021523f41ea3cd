#include "tunio/mss_clamp.hpp"

#include <optional>

#include "tunio/byte_order.hpp"
#include "tunio/ip_packet.hpp"

namespace vpnd::tunio {

namespace {

constexpr std::byte kFlagSyn{0x02};
constexpr std::byte kOptionEnd{0};
constexpr std::byte kOptionNop{1};
constexpr std::byte kOptionMss{2};
constexpr std::size_t kOptionMssSize = 4;

// Where in the options the value of the MSS option stands; nothing if there is none or what comes before it
// is broken.
std::optional<std::size_t> find_mss(std::span<const std::byte> options) noexcept {
  std::size_t at = 0;
  while (at < options.size() && options[at] != kOptionEnd) {
    if (options[at] == kOptionNop) {
      ++at;
      continue;
    }
    const std::size_t room = options.size() - at;
    if (room < 2) return std::nullopt;
    const std::size_t size = std::to_integer<std::size_t>(options[at + 1]);
    if (size < 2 || size > room) return std::nullopt;
    if (options[at] == kOptionMss) return size == kOptionMssSize ? std::optional(at + 2) : std::nullopt;
    at += size;
  }
  return std::nullopt;
}

// The checksum covers 16-bit words from the start of the header; a value at an odd place is half of two of
// them.
void adjust_checksum(std::byte* tcp, std::size_t value_offset, std::uint16_t old_mss,
                     std::uint16_t new_mss) noexcept {
  const auto as_summed = [&](std::uint16_t value) {
    return value_offset % 2 == 0 ? value : static_cast<std::uint16_t>(value << 8 | value >> 8);
  };
  const std::uint16_t checksum = load_be16(tcp + 16);
  store_be16(tcp + 16, updated_checksum(checksum, as_summed(old_mss), as_summed(new_mss)));
}

}  // namespace

bool clamp_mss(std::span<std::byte> packet, std::uint16_t mss_max, ChecksumState state) noexcept {
  const auto view = IpPacket::parse(packet);
  if (!view || view->protocol() != kProtocolTcp || !view->has_transport()) return false;
  const auto header_size = tcp_header_size(view->transport());
  if (!header_size) return false;
  std::byte* const tcp = packet.data() + view->transport_offset();
  if ((tcp[13] & kFlagSyn) == std::byte{0}) return false;

  const auto options = std::span<const std::byte>(tcp, *header_size).subspan(kTcpHeaderSize);
  const auto mss = find_mss(options);
  if (!mss) return false;
  const std::size_t value_offset = kTcpHeaderSize + *mss;
  const std::uint16_t announced = load_be16(tcp + value_offset);
  if (announced <= mss_max) return false;

  store_be16(tcp + value_offset, mss_max);
  if (state == ChecksumState::complete) adjust_checksum(tcp, value_offset, announced, mss_max);
  return true;
}

}  // namespace vpnd::tunio
