#include "vpnd/control/mtu.hpp"

#include <algorithm>
#include <limits>

#include "proto/batch_channel.hpp"
#include "proto/epoch_channel.hpp"
#include "proto/stock_channel.hpp"

namespace vpnd::control {

namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kFrameLength = 2;  // OpenVPN's length in front of each packet on a stream
constexpr std::size_t kSmallestMss = 64;
constexpr std::size_t kUsualMtu = 1500;

std::size_t outer_headers(const Encapsulation& encapsulation) {
  const std::size_t ip = encapsulation.outer_family == tunio::IpFamily::v4 ? kIpv4Header : kIpv6Header;
  return ip + encapsulation.proxy_header +
         (encapsulation.transport == config::Transport::udp ? kUdpHeader : kTcpHeader + kFrameLength);
}

std::size_t less(std::size_t size, std::size_t by) {
  return size > by ? size - by : 0;
}

// The largest inner IP packet that the options allow; SIZE_MAX without a limit.
std::size_t largest_inner_packet(const config::LinkOptions& link, const Encapsulation& encapsulation) {
  constexpr auto kUnlimited = std::numeric_limits<std::size_t>::max();
  const std::size_t outer = outer_headers(encapsulation) + encapsulation.record_overhead;
  std::size_t largest = kUnlimited;
  if (link.mssfix.size != 0) {
    switch (link.mssfix.mode) {
      case config::MssfixMode::mtu:
        largest = less(link.mssfix.size, outer);
        break;
      case config::MssfixMode::datagram:
        largest = less(link.mssfix.size, encapsulation.record_overhead);
        break;
      case config::MssfixMode::fixed:
        largest = link.mssfix.size;
        break;
    }
  }
  if (link.link_mtu) largest = std::min(largest, less(*link.link_mtu, outer));
  return largest;
}

// Over UDP the size of a datagram is discovered, up to that one.
dataplane::BatchSettings batch_settings(const config::LinkOptions& link, const Encapsulation& encapsulation) {
  const bool as_configured = link.mtu_discovery != config::MtuDiscovery::system;
  return {.body_size = batch_body_size(link, encapsulation),
          .ip_overhead = encapsulation.transport == config::Transport::udp ? outer_headers(encapsulation) : 0,
          .fragments = as_configured ? tunio::Fragments::as_configured : tunio::Fragments::forbidden};
}

std::uint16_t mss(std::size_t inner_packet, std::size_t ip_header) {
  const std::size_t segment = less(inner_packet, ip_header + kTcpHeader);
  return static_cast<std::uint16_t>(std::clamp(segment, kSmallestMss, std::size_t{0xffff}));
}

}  // namespace

std::size_t packet_overhead(bool epoch_format) noexcept {
  return epoch_format ? proto::kEpochOverhead : proto::kDataV2Overhead;
}

MssLimits mss_limits(const config::LinkOptions& link, const Encapsulation& encapsulation) {
  const std::size_t largest = largest_inner_packet(link, encapsulation);
  if (largest == std::numeric_limits<std::size_t>::max()) return {};
  return {.ipv4 = mss(largest, kIpv4Header), .ipv6 = mss(largest, kIpv6Header)};
}

std::size_t batch_body_size(const config::LinkOptions& link, const Encapsulation& encapsulation) {
  if (encapsulation.transport == config::Transport::tcp) return tunio::kMaxFrameSize - proto::kRecordOverhead;
  const std::size_t datagram = less(link.link_mtu.value_or(kUsualMtu), outer_headers(encapsulation));
  return less(datagram, proto::kRecordOverhead);
}

void apply_link_limits(const config::LinkOptions& link, const Encapsulation& encapsulation, bool batches,
                       dataplane::PeerSettings& settings) {
  config::LinkOptions limiting = link;
  if (batches) {
    settings.batch = batch_settings(link, encapsulation);
    limiting.link_mtu.reset();
    if (link.mssfix == config::Mssfix{}) limiting.mssfix.size = 0;  // nobody asked for it
  }
  const MssLimits limits = mss_limits(limiting, encapsulation);
  settings.mss_limit_ipv4 = limits.ipv4;
  settings.mss_limit_ipv6 = limits.ipv6;
}

}  // namespace vpnd::control
