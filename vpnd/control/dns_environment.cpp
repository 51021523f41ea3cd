#include "vpnd/control/dns_environment.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <utility>

#include "vpnd/config/lexer.hpp"

namespace vpnd::control {

namespace {

struct NameServer {
  std::vector<std::pair<std::string, std::string>> addresses;  // and their ports, which may be empty
  std::vector<std::string> domains;
  std::string dnssec;
  std::string transport;
  std::string sni;
};

struct DnsSettings {
  std::map<int, NameServer> servers;  // by rank
  std::vector<std::string> search;
  NameServer of_dhcp;
  std::vector<std::string> search_of_dhcp;
};

// "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53"
std::pair<std::string, std::string> split_port(const std::string& text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    const std::size_t port = text.find(':', end);
    return {text.substr(1, end - 1), port == std::string::npos ? "" : text.substr(port + 1)};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.find(':', colon + 1) != std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

void take_server(const std::vector<std::string>& words, DnsSettings& settings) {
  constexpr std::size_t kRank = 2, kProperty = 3, kFirstValue = 4;
  if (words.size() <= kFirstValue) return;
  int rank = 0;
  std::from_chars(words[kRank].data(), words[kRank].data() + words[kRank].size(), rank);
  NameServer& server = settings.servers[rank];
  const std::string& property = words[kProperty];
  for (std::size_t i = kFirstValue; i < words.size(); ++i) {
    if (property == "address") server.addresses.push_back(split_port(words[i]));
    if (property == "resolve-domains") server.domains.push_back(words[i]);
  }
  if (property == "dnssec") server.dnssec = words[kFirstValue];
  if (property == "transport") server.transport = words[kFirstValue];
  if (property == "sni") server.sni = words[kFirstValue];
}

void take_option(const std::vector<std::string>& words, DnsSettings& settings) {
  if (words.size() < 3) return;
  const std::string& kind = words[1];
  if (words[0] == "dns" && kind == "search-domains") {
    settings.search.insert(settings.search.end(), words.begin() + 2, words.end());
  } else if (words[0] == "dns" && kind == "server") {
    take_server(words, settings);
  } else if (words[0] == "dhcp-option" && (kind == "DNS" || kind == "DNS6")) {
    settings.of_dhcp.addresses.emplace_back(words[2], "");
  } else if (words[0] == "dhcp-option" && kind == "DOMAIN") {
    settings.search_of_dhcp.insert(settings.search_of_dhcp.begin(), words[2]);
  } else if (words[0] == "dhcp-option" && kind == "DOMAIN-SEARCH") {
    settings.search_of_dhcp.push_back(words[2]);
  }
}

void add_numbered(host::ScriptEnvironment& environment, const std::string& prefix,
                  const std::vector<std::string>& values) {
  int n = 0;
  for (const std::string& value : values) environment.set(fmt::format("{}_{}", prefix, ++n), value);
}

void add_server(host::ScriptEnvironment& environment, int number, const NameServer& server) {
  const std::string prefix = fmt::format("dns_server_{}", number);
  int n = 0;
  for (const auto& [address, port] : server.addresses) {
    environment.set(fmt::format("{}_address_{}", prefix, ++n), address);
    if (!port.empty()) environment.set(fmt::format("{}_port_{}", prefix, n), port);
  }
  add_numbered(environment, prefix + "_resolve_domain", server.domains);
  if (!server.dnssec.empty()) environment.set(prefix + "_dnssec", server.dnssec);
  if (!server.transport.empty()) environment.set(prefix + "_transport", server.transport);
  if (!server.sni.empty()) environment.set(prefix + "_sni", server.sni);
}

}  // namespace

host::ScriptEnvironment dns_environment(const std::vector<std::string>& options) {
  DnsSettings settings;
  for (const std::string& option : options) take_option(config::tokenise(option).words, settings);
  std::erase_if(settings.servers, [](const auto& server) { return server.second.addresses.empty(); });
  if (settings.servers.empty() && !settings.of_dhcp.addresses.empty()) {
    settings.servers.emplace(0, settings.of_dhcp);
    settings.search.insert(settings.search.end(), settings.search_of_dhcp.begin(),
                           settings.search_of_dhcp.end());
  }
  host::ScriptEnvironment environment;
  if (settings.servers.empty()) return environment;
  add_numbered(environment, "dns_search_domain", settings.search);
  int number = 0;
  for (const auto& [rank, server] : settings.servers) add_server(environment, ++number, server);
  return environment;
}

}  // namespace vpnd::control
