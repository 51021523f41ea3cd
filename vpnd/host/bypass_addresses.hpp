// Where this host gets its names and its address from: the servers that `redirect-gateway bypass-dns
// bypass-dhcp` keeps outside the tunnel.

#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tunio/ip_address.hpp"

namespace vpnd::host {

// The `nameserver` lines of a resolv.conf text, without loopback and link-local addresses (a local resolver
// needs no route) and without repetitions.
std::vector<tunio::IpAddress> name_servers(std::string_view resolv_conf);

// The server named by a lease of systemd-networkd (SERVER_ADDRESS=) or dhclient (dhcp-server-identifier; the
// last lease of the file counts).
std::optional<tunio::IpAddress> dhcp_server(std::string_view lease);

// The same from the usual places of this host: /etc/resolv.conf (for a local resolver what systemd-resolved
// was told by the links), and the leases of systemd-networkd and dhclient. Files that are missing or
// unreadable count as empty.
std::vector<tunio::IpAddress> host_name_servers();
std::vector<tunio::IpAddress> host_dhcp_servers();

}  // namespace vpnd::host
