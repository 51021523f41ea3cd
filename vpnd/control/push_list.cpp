#include "vpnd/control/push_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "proto/cipher_negotiation.hpp"

namespace vpnd::control {

namespace {

// The text by which this network would be pushed as a route: a client does not need one to what lies behind
// itself.
std::string route_to(const tunio::Prefix& network) {
  const tunio::Prefix net = network.network();
  if (net.address.is_v6()) return fmt::format("route-ipv6 {}", net.format());
  return fmt::format("route {} {}", net.address.format(), tunio::netmask_v4(net.length).format());
}

bool leads_behind_client(const std::string& option, const std::vector<tunio::Prefix>& networks) {
  return std::any_of(networks.begin(), networks.end(), [&](const tunio::Prefix& network) {
    const std::string route = route_to(network);
    return option == route || option.starts_with(route + " ");
  });
}

}  // namespace

bool pushes_tun_mtu(const config::Options& options, const proto::PeerInfo& peer_info) {
  const auto largest = peer_info.max_tun_mtu();
  return largest && *largest >= options.link.tun_mtu;
}

std::vector<std::string> push_list(const config::Options& options, const PushRecipient& recipient) {
  std::vector<std::string> list;
  for (const config::PushedText& pushed : config::merge_push(options.server.push, recipient.config)) {
    if (!leads_behind_client(pushed.text, recipient.addresses.networks)) list.push_back(pushed.text);
  }
  const Assignment& addresses = recipient.addresses;
  if (addresses.ipv6) {
    list.push_back(
        fmt::format("ifconfig-ipv6 {} {}", addresses.ipv6->format(), addresses.ipv6_gateway.format()));
  }
  if (addresses.ipv4) {
    list.push_back(
        fmt::format("ifconfig {} {}", addresses.ipv4->format(), addresses.netmask_or_peer.format()));
  }
  list.push_back(fmt::format("peer-id {}", recipient.peer_id.value));
  if (recipient.batch) list.push_back(proto::format_batch_push(*recipient.batch));
  if (recipient.compression_stub) list.emplace_back("compress stub-v2");
  for (auto& option : proto::negotiation_push_options(recipient.cipher, recipient.peer_info)) {
    list.push_back(std::move(option));
  }
  if (pushes_tun_mtu(options, recipient.peer_info)) {
    list.push_back(fmt::format("tun-mtu {}", options.link.tun_mtu));
  }
  return list;
}

}  // namespace vpnd::control
