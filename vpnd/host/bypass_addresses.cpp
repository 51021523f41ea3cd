#include "vpnd/host/bypass_addresses.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "vpnd/host/file_io.hpp"

namespace vpnd::host {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
// What the links were told, when /etc/resolv.conf only names the local systemd-resolved.
constexpr const char* kUpstreamResolvConf = "/run/systemd/resolve/resolv.conf";
constexpr const char* kNetworkdLeases = "/run/systemd/netif/leases";
constexpr const char* kDhclientLeases = "/var/lib/dhcp";

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r;";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// What follows `key` on the line; empty when the line is about something else.
std::string_view value_of(std::string_view line, std::string_view key) {
  line = trimmed(line);
  return line.starts_with(key) ? trimmed(line.substr(key.size())) : std::string_view();
}

void add_once(std::vector<tunio::IpAddress>& all, const tunio::IpAddress& address) {
  if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
}

std::string text_of(const std::filesystem::path& path) {
  return read_text_file(path).text;
}

}  // namespace

std::vector<tunio::IpAddress> name_servers(std::string_view resolv_conf) {
  std::vector<tunio::IpAddress> servers;
  while (!resolv_conf.empty()) {
    const auto address = tunio::IpAddress::parse(value_of(take_line(resolv_conf), "nameserver"));
    if (address && !address->is_loopback() && !address->is_link_local()) add_once(servers, *address);
  }
  return servers;
}

std::optional<tunio::IpAddress> dhcp_server(std::string_view lease) {
  std::optional<tunio::IpAddress> server;
  while (!lease.empty()) {
    const std::string_view line = take_line(lease);
    for (const std::string_view key : {"SERVER_ADDRESS=", "option dhcp-server-identifier"}) {
      if (const auto address = tunio::IpAddress::parse(value_of(line, key))) server = address;
    }
  }
  return server;
}

std::vector<tunio::IpAddress> host_name_servers() {
  std::vector<tunio::IpAddress> servers = name_servers(text_of(kResolvConf));
  return servers.empty() ? name_servers(text_of(kUpstreamResolvConf)) : servers;
}

std::vector<tunio::IpAddress> host_dhcp_servers() {
  std::vector<tunio::IpAddress> servers;
  for (const char* const directory : {kNetworkdLeases, kDhclientLeases}) {
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(directory, unreadable)) {
      if (const auto server = dhcp_server(text_of(entry.path()))) add_once(servers, *server);
    }
  }
  return servers;
}

}  // namespace vpnd::host
